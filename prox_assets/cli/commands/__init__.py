"""The `prox` commands: a module has its command's name, options, output and exit codes."""
