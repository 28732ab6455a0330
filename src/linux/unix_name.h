// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names of Unix sockets, from the guest's to the host's and back. A name in the file system reaches
 * the host as a detour through a descriptor of its directory (bind) or of the socket (connect), as
 * the guest's directories are not pagewalk's own. An abstract name belongs to a network: without
 * one (--no-net) it gets a prefix of this run, so that guests hear each other and nobody else.
 */
#ifndef LINUX_UNIX_NAME_H
#define LINUX_UNIX_NAME_H

#include "linux/syscall_socket.h"

struct unix_names;

struct unix_names *unix_names_create(void);
void unix_names_destroy(struct unix_names *names);

/* `is_new`: it is to be bound. Errors: of path_find(); -EADDRINUSE, -EROFS; -ENAMETOOLONG. */
int unix_name_to_host(struct task *task, struct socket_address *address, bool is_new);
/* The guest hears the name it gave. With a root, a name outside it becomes that of a socket without
 * one. */
void unix_name_to_guest(struct task *task, struct socket_address *address);

#endif
