/*
 * What program.h promises: the engine's program where it is to be found and
 * nowhere else, and an environment with what children need and nothing else.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ops/program.h"
#include "tests/fail_alloc.h"

enum { PATH_LEN = 256 };

/* ---- a directory with files ---------------------------------------------- */

static char root[64];

/* The path of a file below our directory; one of a few buffers. */
static const char *at(const char *path)
{
	static char texts[8][PATH_LEN];
	static unsigned n;
	char *text = texts[n++ % 8];

	snprintf(text, PATH_LEN, "%s/%s", root, path);
	return text;
}

static void make_directories(const char *path)
{
	char text[PATH_LEN];

	snprintf(text, sizeof(text), "%s/%s", root, path);
	for (char *p = text + strlen(root) + 1; *p; p++)
		if (*p == '/') {
			*p = '\0';
			mkdir(text, 0700);
			*p = '/';
		}
}

static void make_file(const char *path, mode_t mode)
{
	int fd;

	make_directories(path);
	fd = open(at(path), O_WRONLY | O_CREAT | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	close(fd);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/orbfs-test.XXXXXX");
	if (!mkdtemp(root))
		return -1;
	clearenv();
	setenv("HOME", at("home"), 1);
	setenv("PATH", at("none"), 1);
	return 0;
}

static int tear_down(void **state)
{
	int status = -1;
	pid_t pid;

	(void)state;
	clearenv();
	pid = fork();
	if (pid == 0) {
		execl("/bin/rm", "rm", "-rf", root, (char *)NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* What is found with that spec is the file path; NULL: nothing is. */
static void assert_found(const struct program_spec *spec, const char *path)
{
	char *found = program_find(spec);

	if (!path)
		assert_null(found);
	else if (!found)
		fail_msg("%s is not found", path);
	else
		assert_string_equal(found, path);
	free(found);
}

/* ---- where it is --------------------------------------------------------- */

static void program_is_found_on_the_path(void **state)
{
	const struct program_spec spec = { .kind = PROGRAM_ORBCTL };
	char path[1024];

	(void)state;
	make_file("a/other", 0700);
	make_file("b/orbctl", 0700);
	make_file("c/orbctl", 0700);
	snprintf(path, sizeof(path), "%s:%s:%s", at("a"), at("b"), at("c"));
	setenv("PATH", path, 1);
	assert_found(&spec, at("b/orbctl"));
	/* Places that are empty, relative or not there are passed over. */
	snprintf(path, sizeof(path), ":.:b:%s::%s:", at("none"), at("c"));
	setenv("PATH", path, 1);
	assert_int_equal(chdir(root), 0);
	assert_found(&spec, at("c/orbctl"));
	assert_int_equal(chdir("/"), 0);
}

static void program_is_a_file_that_can_be_run(void **state)
{
	const struct program_spec spec = { .kind = PROGRAM_ORBCTL };
	char path[1024];

	(void)state;
	make_file("a/orbctl", 0600);
	make_file("b/orbctl/file", 0700);
	make_directories("c/");
	assert_int_equal(symlink("/nonexistent", at("c/orbctl")), 0);
	make_directories("d/");
	assert_int_equal(symlink("../e/orbctl", at("d/orbctl")), 0);
	make_file("e/orbctl", 0700);
	snprintf(path, sizeof(path), "%s:%s:%s:%s:%s", at("a"), at("b"),
	         at("c"), at("d"), at("e"));
	setenv("PATH", path, 1);
	/* A link is kept as it is: what is behind it may be replaced. */
	assert_found(&spec, at("d/orbctl"));
}

static void program_is_found_where_orbstack_puts_it(void **state)
{
	const struct program_spec spec = { .kind = PROGRAM_ORBCTL };
	char path[PATH_LEN];

	(void)state;
	if (access("/opt/homebrew/bin/orbctl", F_OK) == 0 ||
	    access("/usr/local/bin/orbctl", F_OK) == 0)
		skip();
	assert_found(&spec, NULL);
	make_file("home/.orbstack/bin/orbctl", 0700);
	assert_found(&spec, at("home/.orbstack/bin/orbctl"));
	/* What is on the path comes first. */
	make_file("a/orbctl", 0700);
	snprintf(path, sizeof(path), "%s", at("a"));
	setenv("PATH", path, 1);
	assert_found(&spec, at("a/orbctl"));
}

static void program_of_ours_is_found_beside_the_executable(void **state)
{
	struct program_spec spec = { .kind = PROGRAM_LOCAL };

	(void)state;
	make_file("build/plain/orbfs", 0700);
	make_file("build/libexec/orbfs/orbctl-local", 0700);
	make_file("p/orbctl-local", 0700);
	make_file("p/orbctl", 0700);
	setenv("PATH", at("p"), 1);
	assert_found(&spec, at("p/orbctl-local"));
	spec.self = at("build/bin/orbfs");
	make_directories("build/bin/");
	assert_found(&spec, at("build/bin/../libexec/orbfs/orbctl-local"));
	/* orbctl is another engine's. */
	setenv("PATH", at("none"), 1);
	spec.self = at("elsewhere/orbfs");
	assert_found(&spec, NULL);
	spec.self = "orbfs";
	assert_found(&spec, NULL);
}

static void program_that_the_user_names_is_the_only_one(void **state)
{
	struct program_spec spec = { .kind = PROGRAM_ORBCTL };

	(void)state;
	make_file("p/orbctl", 0700);
	make_file("p/orb", 0700);
	make_file("q/other", 0700);
	make_file("q/text", 0600);
	setenv("PATH", at("p"), 1);
	spec.path = at("q/other");
	assert_found(&spec, at("q/other"));
	spec.path = "orb";
	assert_found(&spec, at("p/orb"));
	spec.path = "other";
	assert_found(&spec, NULL);
	spec.path = at("q/none");
	assert_found(&spec, NULL);
	spec.path = at("q/text");
	assert_found(&spec, NULL);
	/* A relative one would depend on where the daemon is. */
	assert_int_equal(chdir(root), 0);
	spec.path = "q/other";
	assert_found(&spec, NULL);
	assert_int_equal(chdir("/"), 0);
}

static void program_is_never_looked_for_below_the_mount(void **state)
{
	struct program_spec spec = { .kind = PROGRAM_ORBCTL };
	char path[1024];

	(void)state;
	make_file("vms/bin/orbctl", 0700);
	make_file("vms-2/orbctl", 0700);
	spec.avoid = at("vms");
	setenv("PATH", at("vms/bin"), 1);
	assert_found(&spec, NULL);
	spec.path = at("vms/bin/orbctl");
	assert_found(&spec, NULL);
	spec.path = NULL;
	snprintf(path, sizeof(path), "%s:%s", at("vms/bin"), at("vms-2"));
	setenv("PATH", path, 1);
	assert_found(&spec, at("vms-2/orbctl"));
	spec.avoid = at("vms/bin/orbctl");
	setenv("PATH", at("vms/bin"), 1);
	assert_found(&spec, NULL);
	spec.avoid = "";
	assert_found(&spec, at("vms/bin/orbctl"));
}

static void program_find_survives_any_failing_allocation(void **state)
{
	const struct program_spec spec = { .kind = PROGRAM_ORBCTL };
	unsigned n = 0;
	char *found = NULL;

	(void)state;
	make_file("p/orbctl", 0700);
	setenv("PATH", at("p"), 1);
	while (fail_alloc_next(&n)) {
		free(found);
		found = program_find(&spec);
	}
	assert_true(n > 1);
	assert_string_equal(found, at("p/orbctl"));
	free(found);
}

/* ---- the environment ----------------------------------------------------- */

/* The value of a variable in env, or NULL; it is there at most once. */
static const char *value_of(char *const *env, const char *name)
{
	size_t len = strlen(name);
	const char *value = NULL;

	for (; *env; env++)
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=') {
			assert_null(value);
			value = *env + len + 1;
		}
	return value;
}

static void program_env_has_what_children_need(void **state)
{
	static const char *const names[] = {
		"USER",
		"LOGNAME",
		"SHELL",
		"TMPDIR",
		"LANG",
		"LC_ALL",
		"TZ",
		"ORBENV",
		"XDG_DATA_HOME",
		"XDG_RUNTIME_DIR",
		"ORBCTL_LOCAL_HOME",
	};
	char **env;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		setenv(names[i], names[i], 1);
	setenv("PATH", "/a:/b", 1);
	env = program_env();
	assert_non_null(env);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_string_equal(value_of(env, names[i]), names[i]);
	assert_string_equal(value_of(env, "PATH"), "/a:/b");
	assert_string_equal(value_of(env, "HOME"), at("home"));
	program_env_free(env);
}

static void program_env_has_nothing_else(void **state)
{
	static const char *const names[] = {
		"HTTP_PROXY", "HTTPS_PROXY", "http_proxy",      "https_proxy",
		"ALL_PROXY",  "all_proxy",   "NO_PROXY",        "no_proxy",
		"FTP_PROXY",  "ftp_proxy",   "SSH_AUTH_SOCK",   "TERM",
		"LD_PRELOAD", "PWD",         "LD_LIBRARY_PATH", "SECRET",
		"ENV",        "BASH_ENV",    "USERX",           "IFS",
	};
	char **env;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		setenv(names[i], "http://127.0.0.1:3128", 1);
	env = program_env();
	assert_non_null(env);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_null(value_of(env, names[i]));
	while (env[n])
		n++;
	assert_int_equal(n, 2); /* HOME and PATH */
	program_env_free(env);
}

static void program_env_always_has_a_home_and_a_path(void **state)
{
	static const char *const homes[] = { NULL, "", "relative" };
	char **env;

	(void)state;
	for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++) {
		clearenv();
		if (homes[i])
			setenv("HOME", homes[i], 1);
		if (i > 0)
			setenv("PATH", "", 1);
		env = program_env();
		assert_non_null(env);
		assert_int_equal(value_of(env, "HOME")[0], '/');
		assert_int_equal(value_of(env, "PATH")[0], '/');
		program_env_free(env);
	}
	program_env_free(NULL);
}

static void program_env_survives_any_failing_allocation(void **state)
{
	unsigned n = 0;
	char **env = NULL;

	(void)state;
	setenv("USER", "dev", 1);
	while (fail_alloc_next(&n)) {
		program_env_free(env);
		env = program_env();
	}
	assert_true(n > 4);
	assert_string_equal(value_of(env, "USER"), "dev");
	program_env_free(env);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(program_is_found_on_the_path),
		TEST(program_is_a_file_that_can_be_run),
		TEST(program_is_found_where_orbstack_puts_it),
		TEST(program_of_ours_is_found_beside_the_executable),
		TEST(program_that_the_user_names_is_the_only_one),
		TEST(program_is_never_looked_for_below_the_mount),
		TEST(program_find_survives_any_failing_allocation),
		TEST(program_env_has_what_children_need),
		TEST(program_env_has_nothing_else),
		TEST(program_env_always_has_a_home_and_a_path),
		TEST(program_env_survives_any_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
