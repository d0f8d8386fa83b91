# Completion of orbfs for fish.
complete -c orbfs -f -a '(__fish_complete_directories)' -d 'mount point'
complete -c orbfs -s f -d 'stay in the foreground'
complete -c orbfs -s d -d 'stay in the foreground and log every request'
complete -c orbfs -l engine -x -a 'orbctl local' -d 'what makes the machines'
complete -c orbfs -l orbctl -r -d 'another orbctl'
complete -c orbfs -s o -x -a 'ttl= image= arch= user= spool= symlinks=raw idmap=user drafts finder engine= orbctl= allow_other ro' -d 'options'
complete -c orbfs -l help -d 'how to use it'
complete -c orbfs -l version -d 'which one it is'
