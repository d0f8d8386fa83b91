#compdef orbfs
# Completion of orbfs for zsh.
_arguments \
	'-f[stay in the foreground]' \
	'-d[stay in the foreground and log every request]' \
	'--engine[what makes the machines]:engine:(orbctl local)' \
	'--orbctl[another orbctl]:program:_files' \
	'*-o[options]:options:(ttl= image= arch= user= spool= symlinks=raw idmap=user drafts finder engine= orbctl= allow_other ro)' \
	'(- *)--help[how to use it]' \
	'(- *)--version[which one it is]' \
	'1:mount point:_directories'
