"""The command line: every command, its exit codes, and what it must not print."""
