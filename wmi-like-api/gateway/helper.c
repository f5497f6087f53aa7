/* SPDX-License-Identifier: BSD-2-Clause */
/* See helper.h. */
#include "wmi-like-api/gateway/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <security/pam_appl.h>
#include "wmi-like-api/gateway/tls.h"

struct helper {
	const struct gateway_config *config;
	int fd;
	struct { pid_t pid; uint32_t id; } children[HELPER_CHILDREN_MAX];
	unsigned count;
};

/* Every question is for the password: what a module asks beyond that cannot be asked over HTTP. */
static int converse(int count, const struct pam_message **messages, struct pam_response **ret, void *password)
{
	struct pam_response *answers;
	bool understood = true;

	if (count <= 0 || count > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	answers = calloc((size_t)count, sizeof *answers);
	if (!answers)
		return PAM_BUF_ERR;
	for (int i = 0; i < count; i++)
		understood &= messages[i]->msg_style != PAM_PROMPT_ECHO_ON;
	if (!understood) {
		free(answers);
		return PAM_CONV_ERR;
	}
	for (int i = 0; i < count; i++)
		if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF)
			answers[i].resp = strdup(password);
	*ret = answers;
	return PAM_SUCCESS;
}

static bool is_member(const gid_t *groups, int count, const struct gateway_groups *wanted)
{
	struct group *group;

	for (unsigned i = 0; i < wanted->count; i++) {
		group = getgrnam(wanted->names[i]);
		for (int n = 0; group && n < count; n++)
			if (groups[n] == group->gr_gid)
				return true;
	}
	return false;
}

static uint32_t role_of(const struct gateway_config *config, const char *user)
{
	struct passwd *entry = getpwnam(user);
	gid_t groups[256];
	int count = 256;

	if (!entry || getgrouplist(user, entry->pw_gid, groups, &count) < 0)
		return 0;
	for (uint32_t role = GATEWAY_ROLES; role > 0; role--)
		if (is_member(groups, count, &config->groups[role - 1]))
			return role;
	return 0;
}

static void check(const struct gateway_config *config, const struct helper_request *request, struct helper_reply *reply)
{
	const struct pam_conv conversation = { converse, (void *)request->password };
	pam_handle_t *pam = NULL;
	int rc;

	rc = config->pam_directory[0] ? pam_start_confdir("bulkhead", request->user, &conversation, config->pam_directory, &pam)
				      : pam_start("bulkhead", request->user, &conversation, &pam);
	if (rc == PAM_SUCCESS && request->question == HELPER_PASSWORD)
		rc = pam_authenticate(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	if (rc == PAM_SUCCESS)
		rc = pam_acct_mgmt(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	reply->accepted = rc == PAM_SUCCESS;
	if (rc == PAM_SUCCESS)
		reply->role = role_of(config, request->user);
	else
		snprintf(reply->why, sizeof reply->why, "%s", pam ? pam_strerror(pam, rc) : "PAM cannot be started");
	if (pam)
		pam_end(pam, rc);
}

static void send_files(const struct helper *h, struct helper_reply *reply)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(TLS_FILES * sizeof(int))];
	} control = { 0 };
	struct iovec part = { reply, sizeof *reply };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control };
	unsigned count = h->config->client_ca[0] ? TLS_FILES : TLS_FILES - 1;
	int fds[TLS_FILES];

	if (tls_files_open(h->config, fds, reply->why, sizeof reply->why)) {
		send(h->fd, reply, sizeof *reply, MSG_NOSIGNAL);
		return;
	}
	reply->accepted = 1;
	message.msg_controllen = CMSG_SPACE(count * sizeof(int));
	control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(count * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	sendmsg(h->fd, &message, MSG_NOSIGNAL);
}

static void run_child(const struct helper *h, struct helper_request *request)
{
	struct helper_reply reply = { .id = request->id };
	sigset_t none;

	sigemptyset(&none);   /* modules have helpers of their own */
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	alarm(HELPER_SECONDS);
	if (request->question == HELPER_FILES) {
		send_files(h, &reply);
		_exit(0);
	}
	check(h->config, request, &reply);
	explicit_bzero(request, sizeof *request);
	send(h->fd, &reply, sizeof reply, MSG_NOSIGNAL);
	_exit(0);
}

static void refuse(const struct helper *h, uint32_t id, const char *why)
{
	struct helper_reply reply = { .id = id };

	snprintf(reply.why, sizeof reply.why, "%s", why);
	send(h->fd, &reply, sizeof reply, MSG_NOSIGNAL);
}

static void reap(struct helper *h)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned i = 0; i < h->count; i++)
			if (h->children[i].pid == pid) {
				if (!WIFEXITED(status) || WEXITSTATUS(status))
					refuse(h, h->children[i].id, "PAM did not answer");
				h->children[i] = h->children[--h->count];
				break;
			}
}

/* Returns false when the gateway is gone. */
static bool serve(struct helper *h)
{
	struct helper_request request;
	ssize_t n = recv(h->fd, &request, sizeof request, MSG_DONTWAIT);
	pid_t pid;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	if (n != sizeof request)
		return true;
	/* The gateway is less trusted than this process. */
	request.user[sizeof request.user - 1] = 0;
	request.password[sizeof request.password - 1] = 0;
	pid = fork();
	if (pid == 0)
		run_child(h, &request);
	explicit_bzero(&request, sizeof request);
	if (pid < 0) {
		refuse(h, request.id, strerror(errno));
		return true;
	}
	h->children[h->count].pid = pid;
	h->children[h->count++].id = request.id;
	return true;
}

static void on_child(int number)
{
	(void)number;   /* ends ppoll */
}

static void __attribute__((noreturn)) run(struct helper *h)
{
	struct sigaction action = { .sa_handler = on_child };
	const struct rlimit none = { 0, 0 };
	sigset_t blocked, open;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, &open);
	sigaction(SIGCHLD, &action, NULL);
	signal(SIGINT, SIG_IGN);   /* of a terminal: it ends when the gateway does */
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_IGN);   /* the gateway asks for what it is to be told anew */
	prctl(PR_SET_NAME, "wsmand-pam");
	setrlimit(RLIMIT_CORE, &none);
	for (;;) {
		struct pollfd poll = { h->fd, h->count < HELPER_CHILDREN_MAX ? POLLIN : 0, 0 };

		if (ppoll(&poll, 1, NULL, &open) > 0 && poll.revents && !serve(h))
			_exit(0);
		if (poll.revents & (POLLHUP | POLLERR) && h->count == HELPER_CHILDREN_MAX)
			_exit(0);
		reap(h);
	}
}

int helper_start(const struct gateway_config *config, pid_t *pid)
{
	struct helper helper = { .config = config };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	*pid = fork();
	if (*pid < 0) {
		int rc = -errno;

		close(pair[0]);
		close(pair[1]);
		return rc;
	}
	if (*pid == 0) {
		helper.fd = dup2(pair[1], 3);
		fcntl(3, F_SETFD, FD_CLOEXEC);
		close_range(4, ~0u, 0);
		(void)!chdir("/");
		run(&helper);
	}
	close(pair[1]);
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	return pair[0];
}
