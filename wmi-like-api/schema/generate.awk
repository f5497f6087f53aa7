# SPDX-License-Identifier: BSD-2-Clause
# Makes the schema (README.md here) into C tables (-v mode=c) or into docs/cim-reference.md (-v mode=doc).

function fail(text) {
	print FILENAME ":" FNR ": " text >"/dev/stderr"
	failed = 1
	exit 1
}

function trim(s) {
	gsub(/^[ \t]+|[ \t]+$/, "", s)
	return s
}

# "uint16[]" -> the number of its C constant; "ref" and "instance" are CIM_REFERENCE and CIM_INSTANCE.
function c_type(type, plain) {
	plain = type
	sub(/\[\]$/, "", plain)
	if (plain !~ /^(boolean|[us]int(8|16|32|64)|real(32|64)|string|datetime|ref|instance)$/)
		fail("unknown type " type)
	return plain == "ref" ? "CIM_REFERENCE" : "CIM_" toupper(plain)
}

function is_array(type) {
	return type ~ /\[\]$/
}

function c_name(name) {
	gsub(/[^A-Za-z0-9]/, "_", name)
	return name
}

/^#/ {
	if (FNR > 3)
		comment = comment (comment == "" ? "" : " ") trim(substr($0, 2))
	next
}
/^[ \t]*$/ { comment = ""; next }
$1 == "namespace" { space = $2; next }
$1 == "values" {
	map = $2
	maps[++map_count] = map
	rest = $0
	sub(/^values +[^ ]+ +/, "", rest)
	map_text[map] = rest
	next
}
$1 == "abstract" || $1 == "class" {
	at = $1 == "abstract" ? 3 : 2
	class = $at
	if (class in defined)
		fail("class " class " again")
	defined[class] = 1
	classes[++class_count] = class
	abstract[class] = $1 == "abstract"
	spaces[class] = space
	remark[class] = comment
	comment = ""
	parent[class] = $(at + 1) == "<" ? $(at + 2) : ""
	if (parent[class] != "" && !(parent[class] in defined))
		fail("unknown parent " parent[class])
	# what is inherited comes first, in its order
	if (parent[class] != "") {
		p = parent[class]
		for (i = 1; i <= n_properties[p]; i++) {
			name = property[p, i]
			property[class, i] = name
			type[class, name] = type[p, name]; key[class, name] = key[p, name]; of[class, name] = of[p, name]
			inherited[class, name] = 1
		}
		n_properties[class] = n_properties[p]
	}
	next
}
/^\t/ && $1 == "method" {
	right = $2
	if (right !~ /^(reader|operator|administrator)$/)
		fail("unknown role " right)
	m = ++n_methods[class]
	method[class, m] = $3
	method_right[class, m] = right
	rest = $0
	sub(/^[^(]*\(/, "", rest)
	sub(/\).*$/, "", rest)
	parameters[class, m] = trim(rest)
	next
}
/^\t/ {
	k = $1 == "key"
	t = k ? $2 : $1
	name = k ? $3 : $2
	if (!((class, name) in type))
		property[class, ++n_properties[class]] = name
	inherited[class, name] = 0
	type[class, name] = t
	c_type(t)
	key[class, name] = k
	of[class, name] = $(NF - 1) == ":" ? $NF : ""
	next
}
{ fail("what is this?") }

function c_parameters(class, m,    count, parts, i, words, n) {
	n = split(parameters[class, m], parts, /, */)
	if (!n || parts[1] == "")
		return 0
	printf "static const struct cim_parameter parameters_%s_%d[] = {\n", c_name(class), m
	for (i = 1; i <= n; i++) {
		split(parts[i], words, " ")
		printf "\t{ \"%s\", %s, %s, %s, %s },\n", words[3], c_type(words[2]), is_array(words[2]) ? "true" : "false",
			words[1] == "in" ? "true" : "false", words[1] == "out" ? "true" : "false"
	}
	print "};"
	return n
}

function c_class(class,    i, name, n, p, rights) {
	rights["reader"] = "CIM_READ"; rights["operator"] = "CIM_OPERATE"; rights["administrator"] = "CIM_ADMINISTER"
	printf "\nstatic const struct cim_property properties_%s[] = {\n", c_name(class)
	for (i = 1; i <= n_properties[class]; i++) {
		name = property[class, i]
		printf "\t{ \"%s\", %s, %s, %s, %s },\n", name, c_type(type[class, name]), is_array(type[class, name]) ? "true" : "false",
			key[class, name] ? "true" : "false", of[class, name] == "" ? "NULL" : "values_" of[class, name]
		if (of[class, name] != "" && !(of[class, name] in map_text))
			fail("unknown values " of[class, name])
	}
	print "};"
	printf "static const char *const ancestors_%s[] = { ", c_name(class)
	for (p = parent[class]; p != ""; p = parent[p])
		printf "\"%s\", ", p
	print "NULL };"
	for (i = 1; i <= n_methods[class]; i++)
		count[i] = c_parameters(class, i)
	if (n_methods[class]) {
		printf "static const struct cim_method methods_%s[] = {\n", c_name(class)
		for (i = 1; i <= n_methods[class]; i++)
			printf "\t{ \"%s\", %s, %d, %s, %s },\n", method[class, i], count[i] ? "parameters_" c_name(class) "_" i : "NULL", count[i],
				rights[method_right[class, i]], method_right[class, i] == "reader" ? "false" : "true"
		print "};"
	}
	printf "static const struct cim_class class_%s = {\n\t\"%s\", \"%s\", ancestors_%s, properties_%s, %d, %s, %d\n};\n", c_name(class), class,
		spaces[class], c_name(class), c_name(class), n_properties[class], n_methods[class] ? "methods_" c_name(class) : "NULL", n_methods[class]
}

function c_values(map,    n, parts, i, at) {
	printf "static const struct cim_value_name values_%s[] = {\n", map
	n = split(map_text[map], parts, /; */)
	for (i = 1; i <= n; i++) {
		at = index(parts[i], " ")
		printf "\t{ \"%s\", \"%s\" },\n", substr(parts[i], 1, at - 1), substr(parts[i], at + 1)
	}
	print "\t{ NULL, NULL }\n};"
}

function doc_class(class,    i, name, line, chain, p) {
	printf "\n### %s\n\n", class
	for (p = parent[class]; p != ""; p = parent[p])
		chain = chain (chain == "" ? "" : ", ") p
	if (remark[class] != "")
		print remark[class]
	if (chain != "")
		print "Is a " chain "."
	print ""
	line = ""
	for (i = 1; i <= n_properties[class]; i++) {
		name = property[class, i]
		line = line (line == "" ? "" : ", ") type[class, name] " " (key[class, name] ? "**" name "**" : name) (of[class, name] == "" ? "" : " (" of[class, name] ")")
	}
	wrap(line == "" ? "No properties." : line "." )
	if (n_methods[class]) {
		print "\n| method | parameters | role |\n|---|---|---|"
		for (i = 1; i <= n_methods[class]; i++)
			printf "| %s | %s | %s |\n", method[class, i], parameters[class, i], method_right[class, i]
	}
}

function wrap(text,    words, n, i, line) {
	n = split(text, words, " ")
	for (i = 1; i <= n; i++) {
		if (length(line) + length(words[i]) > 139) {
			print line
			line = ""
		}
		line = line (line == "" ? "" : " ") words[i]
	}
	print line
}

END {
	if (failed)
		exit 1
	if (mode == "c") {
		print "/* Generated from wmi-like-api/schema. */\n#include \"wmi-like-api/cim/cim.h\"\n"
		for (i = 1; i <= map_count; i++)
			c_values(maps[i])
		for (c = 1; c <= class_count; c++)
			if (!abstract[classes[c]])
				c_class(classes[c])
		print "\nconst struct cim_class *const cim_classes[] = {"
		for (c = 1; c <= class_count; c++)
			if (!abstract[classes[c]])
				print "\t&class_" c_name(classes[c]) ","
		print "\tNULL\n};"
	} else {
		print "<!-- SPDX-License-Identifier: BSD-2-Clause -->\n<!-- Made from wmi-like-api/schema by `ninja cim-reference`. -->\n# CIM classes\n"
		print "Keys are bold; in parentheses the table of values at the end. Each property is there in every instance; what nothing true can be said of is null."
		for (c = 1; c <= class_count; c++) {
			if (abstract[classes[c]])
				continue
			if (spaces[classes[c]] != last)
				printf "\n## %s\n", last = spaces[classes[c]]
			doc_class(classes[c])
		}
		print "\n## Values\n\n| of | values |\n|---|---|"
		for (i = 1; i <= map_count; i++)
			printf "| %s | %s |\n", maps[i], map_text[maps[i]]
	}
}
