/*
 * loop: an event loop for one test.
 *
 *	uv_loop_t *loop = loop_start();
 *	thing_do(loop, on_done, &done);
 *	loop_run_until(loop, &done, 1000);
 *	loop_finish(loop);
 *
 * Whatever goes wrong here fails the test through cmocka, so nothing has to
 * be checked by the caller.
 */
#ifndef ORBFS_TESTS_LOOP_H
#define ORBFS_TESTS_LOOP_H

#include <stdbool.h>

#include <uv.h>

/* A fresh loop, to be given to loop_finish. */
uv_loop_t *loop_start(void);
/* Run until *flag is set. The test fails when that has not happened within ms
 * milliseconds, or as soon as the loop has nothing left to wait for. */
void loop_run_until(uv_loop_t *loop, const bool *flag, unsigned ms);
/* The same until is(arg) is true; it is asked after each round of the loop and
 * at least every 10 ms. */
void loop_run_until_true(uv_loop_t *loop, bool (*is)(void *arg), void *arg,
                         unsigned ms);
/* Serve for ms milliseconds: to see that something does not happen. */
void loop_run_for(uv_loop_t *loop, unsigned ms);
/* The end of a test: lets what is closing close, fails if a handle or request
 * is left (their types are printed) or uv_loop_close does not give 0. */
void loop_finish(uv_loop_t *loop);

#endif
