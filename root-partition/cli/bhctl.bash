# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Completion of bhctl's commands, options, partitions and definition files.

_bhctl_names() {
	bhctl list 2>/dev/null | awk -v states="$1" 'NR > 1 && (states == "" || index(states, " " $2 " ")) { print $1 }'
}

_bhctl() {
	local word=${COMP_WORDS[COMP_CWORD]} command='' i candidates=''
	local commands='list show define undefine check dump-xml start shutdown turn-off pause resume reset replace-worker autostart attach-disk detach-disk resize-disk list-interfaces attach-interface detach-interface set-link set-memory guest-info set-addresses kvp backup copy console exec login events host'

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--socket | --host | --password-file | --ca-file | --certificate | --key | --timeout | --since | --pool | --disk | --user | --env | --bridge | --mac | --vlan | --mtu | --cache | --serial) ((i++)) ;;
		--) return ;;   # what follows is the guest's
		-*) ;;
		*)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--socket | --password-file | --ca-file | --certificate | --key)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--host | --timeout | --since | --pool | --disk | --user | --env | --bridge | --mac | --vlan | --mtu | --cache | --serial) return ;;
	esac
	if [[ $word == -* ]]; then
		candidates=--help
		case $command in
		'') candidates+=' --socket --host --password-file --ca-file --certificate --key --version' ;;
		list) candidates+=' --all --active --json' ;;
		show | host | list-interfaces | guest-info) candidates+=' --json' ;;
		kvp) candidates+=' --pool --json' ;;
		backup) candidates+=' --disk --timeout' ;;
		copy) candidates+=' --overwrite --make-path' ;;
		attach-disk) candidates+=' --readonly --cache --serial --config' ;;
		attach-interface) candidates+=' --bridge --mac --vlan --mtu --config' ;;
		detach-disk | detach-interface | set-link) candidates+=' --config' ;;
		start) candidates+=' --paused --wait --timeout' ;;
		shutdown) candidates+=' --all --force --reboot --timeout' ;;
		console) candidates+=' --no-input --timeout' ;;
		exec) candidates+=' --user --env --tty --timeout' ;;
		login) candidates+=' --user' ;;
		events) candidates+=' --follow --since --json' ;;
		esac
	else
		case $command in
		'') candidates=$commands ;;
		define | check)
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -X '!*.xml' -- "$word"; compgen -d -- "$word")
			return
			;;
		start) candidates=$(_bhctl_names ' off failed restarting ') ;;
		shutdown | pause | exec | login | guest-info | kvp | backup | copy) candidates=$(_bhctl_names ' running ') ;;
		resume) candidates=$(_bhctl_names ' paused ') ;;
		turn-off | reset | replace-worker | console) candidates=$(_bhctl_names ' starting running paused stopping restarting ') ;;
		undefine) candidates=$(_bhctl_names ' off failed ') ;;
		autostart)
			candidates=$(_bhctl_names '')
			((COMP_CWORD > i + 1)) && candidates='on off'
			;;
		show | dump-xml | list-interfaces) candidates=$(_bhctl_names '') ;;
		attach-disk)
			candidates=$(_bhctl_names '')
			if ((COMP_CWORD == i + 2)); then
				compopt -o filenames 2>/dev/null
				mapfile -t COMPREPLY < <(compgen -f -- "$word")
				return
			fi
			((COMP_CWORD == i + 3)) && candidates='sdb sdc sdd sde sdf sdg sdh'
			;;
		detach-disk | resize-disk)
			candidates=$(_bhctl_names '')
			((COMP_CWORD == i + 2)) && candidates=$(bhctl show "${COMP_WORDS[i + 1]}" --json 2>/dev/null | sed -n 's/.*"target": *"\([^"]*\)".*/\1/p')
			;;
		attach-interface | detach-interface | set-link)
			candidates=$(_bhctl_names '')
			((COMP_CWORD == i + 2)) && candidates=$(bhctl list-interfaces "${COMP_WORDS[i + 1]}" 2>/dev/null | awk 'NR > 1 { print $1 }')
			[[ $command == set-link ]] && ((COMP_CWORD == i + 3)) && candidates='up down'
			;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$word")
}

complete -F _bhctl bhctl
