// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Three prices of assertion, for our own bugs only (a guest's mistake is a return value):
 *   CHECK   always on: cheap, and going on would corrupt data
 *   DCHECK  debug builds: a comparison or two
 *   XCHECK  debug builds that ask for it (-Dxcheck=true): walks a whole structure
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

/* Effect: prints "pagewalk: internal error: FILE:LINE: EXPR" on stderr and aborts. */
_Noreturn void check_failed(const char *file, int line, const char *expr);

#define CHECK(e) ((e) ? (void)0 : check_failed(__FILE__, __LINE__, #e))

#ifdef PW_DEBUG
#define DCHECK(e) CHECK(e)
#else
#define DCHECK(e) ((void)sizeof(e))
#endif

#ifdef PW_XCHECK
#define XCHECK(e) CHECK(e)
#else
#define XCHECK(e) ((void)sizeof(e))
#endif

#endif
