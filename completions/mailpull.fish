# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_mailpull_global_optspecs
    string join \n c/config= state-dir= q/quiet v/verbose json color= progress= k/keep= d/delete maildir= mda= n/dry-run max-messages= max-size= max-total= order= j/jobs= shard= o= h/help V/version
end

function __fish_mailpull_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_mailpull_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_mailpull_using_subcommand
    set -l cmd (__fish_mailpull_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c mailpull -n "__fish_mailpull_needs_command" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_needs_command" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_needs_command" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_needs_command" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_needs_command" -s k -l keep -d 'Leave the delivered messages on the server, or delete them at AGE (14days)' -r
complete -c mailpull -n "__fish_mailpull_needs_command" -l maildir -d 'Deliver to the Maildir DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_needs_command" -l mda -d 'Deliver by COMMAND, which reads a message on its standard input' -r -f -a "(__fish_complete_command)"
complete -c mailpull -n "__fish_mailpull_needs_command" -l max-messages -d 'Fetch at most N messages' -r
complete -c mailpull -n "__fish_mailpull_needs_command" -l max-size -d 'Leave messages over SIZE (15MiB) on the server' -r
complete -c mailpull -n "__fish_mailpull_needs_command" -l max-total -d 'Fetch at most SIZE in all' -r
complete -c mailpull -n "__fish_mailpull_needs_command" -l order -d 'Fetch in this order: oldest-first, newest-first' -r -f -a "oldest-first\t''
newest-first\t''"
complete -c mailpull -n "__fish_mailpull_needs_command" -s j -l jobs -d 'Work on at most N accounts at once' -r
complete -c mailpull -n "__fish_mailpull_needs_command" -l shard -d 'Take only the accounts of this one of N shards, the first of which is 0/N' -r
complete -c mailpull -n "__fish_mailpull_needs_command" -s o -d 'Set any key of the configuration but a password, for this run' -r
complete -c mailpull -n "__fish_mailpull_needs_command" -s q -l quiet -d 'Show nothing but errors'
complete -c mailpull -n "__fish_mailpull_needs_command" -s v -l verbose -d 'Say more; twice: trace the conversation, with the secrets masked'
complete -c mailpull -n "__fish_mailpull_needs_command" -l json -d 'Print one JSON object a line for each event'
complete -c mailpull -n "__fish_mailpull_needs_command" -s d -l delete -d 'Delete what is delivered from the server'
complete -c mailpull -n "__fish_mailpull_needs_command" -s n -l dry-run -d 'Say what would be done; download, deliver and delete nothing'
complete -c mailpull -n "__fish_mailpull_needs_command" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_needs_command" -s V -l version -d 'Print version'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "fetch" -d 'Fetch new mail (the default command)'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "check" -d 'Say how many new messages wait; exit with 1 if there are none'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "log" -d 'Show what was fetched, where it was delivered and when it was deleted from the server'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "login" -d 'Sign in to the provider of an account, or put its password into the keyring'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "account" -d 'Add, test and show the accounts, and tell the record what became of one'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "seen" -d 'Look into the record of what was seen, and mend it'
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -s k -l keep -d 'Leave the delivered messages on the server, or delete them at AGE (14days)' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l maildir -d 'Deliver to the Maildir DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l mda -d 'Deliver by COMMAND, which reads a message on its standard input' -r -f -a "(__fish_complete_command)"
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l max-messages -d 'Fetch at most N messages' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l max-size -d 'Leave messages over SIZE (15MiB) on the server' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l max-total -d 'Fetch at most SIZE in all' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l order -d 'Fetch in this order: oldest-first, newest-first' -r -f -a "oldest-first\t''
newest-first\t''"
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -s j -l jobs -d 'Work on at most N accounts at once' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l shard -d 'Take only the accounts of this one of N shards, the first of which is 0/N' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -s o -d 'Set any key of the configuration but a password, for this run' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -s d -l delete -d 'Delete what is delivered from the server'
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -s n -l dry-run -d 'Say what would be done; download, deliver and delete nothing'
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -s q -l quiet -d 'Show nothing but errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -s v -l verbose -d 'Say more; twice: trace the conversation, with the secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l json -d 'Print one JSON object a line for each event'
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -s j -l jobs -d 'Work on at most N accounts at once' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -l shard -d 'Take only the accounts of this one of N shards, the first of which is 0/N' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -s o -d 'Set any key of the configuration but a password, for this run' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -s q -l quiet -d 'Show nothing but errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -s v -l verbose -d 'Say more; twice: trace the conversation, with the secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -l json -d 'Print one JSON object a line for each event'
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand log" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand log" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand log" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand log" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand log" -s q -l quiet -d 'Show nothing but errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand log" -s v -l verbose -d 'Say more; twice: trace the conversation, with the secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand log" -l json -d 'Print one JSON object a line for each event'
complete -c mailpull -n "__fish_mailpull_using_subcommand log" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -s o -d 'Set any key of the configuration but a password, for this run' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -l device -d 'Sign in on another device, by a code that is typed there'
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -l browser -d 'Sign in with a browser on this machine'
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -s q -l quiet -d 'Show nothing but errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -s v -l verbose -d 'Say more; twice: trace the conversation, with the secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -l json -d 'Print one JSON object a line for each event'
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -s q -l quiet -d 'Show nothing but errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -s v -l verbose -d 'Say more; twice: trace the conversation, with the secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -l json -d 'Print one JSON object a line for each event'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -f -a "add" -d 'Find the server, try the login, and write an account into the configuration'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -f -a "list" -d 'Show the accounts: user, server and where the mail goes, one line each'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -f -a "remove" -d 'Forget all that was fetched for an account that the configuration no longer names'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -f -a "rename" -d 'Keep what was fetched for an account that has been given another name'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -f -a "test" -d 'Connect, log in and show what is found out step by step; fetches and deletes nothing'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l user -d 'The user\'s name at the server, often the mail address' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l server -d 'HOST or HOST:PORT; without it, it is looked for in the domain of USER' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l security -d 'How TLS begins: tls, starttls, none' -r -f -a "tls\t''
starttls\t''
none\t''"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l password-command -d 'COMMAND prints the password' -r -f -a "(__fish_complete_command)"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l password-file -d 'FILE holds the password' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l password-env -d 'The environment variable NAME holds the password' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l maildir -d 'Deliver to the Maildir DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l mda -d 'Deliver by COMMAND, which reads a message on its standard input' -r -f -a "(__fish_complete_command)"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -s o -d 'Set any other key of the configuration but a password' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l no-test -d 'Write it without trying the login'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Show nothing but errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more; twice: trace the conversation, with the secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l json -d 'Print one JSON object a line for each event'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from list" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from list" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from list" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from list" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Show nothing but errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more; twice: trace the conversation, with the secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object a line for each event'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from remove" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from remove" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from remove" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from remove" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Show nothing but errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more; twice: trace the conversation, with the secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from remove" -l json -d 'Print one JSON object a line for each event'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from rename" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from rename" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from rename" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from rename" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from rename" -s q -l quiet -d 'Show nothing but errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from rename" -s v -l verbose -d 'Say more; twice: trace the conversation, with the secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from rename" -l json -d 'Print one JSON object a line for each event'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from rename" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from test" -s o -d 'Set any key of the configuration but a password, for this run' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from test" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from test" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from test" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from test" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Show nothing but errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from test" -s v -l verbose -d 'Say more; twice: trace the conversation, with the secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from test" -l json -d 'Print one JSON object a line for each event'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -s q -l quiet -d 'Show nothing but errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -s v -l verbose -d 'Say more; twice: trace the conversation, with the secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -l json -d 'Print one JSON object a line for each event'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -f -a "catch-up" -d 'Mark everything on the server as seen without downloading it; it is never deleted'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -f -a "check" -d 'Verify the database, and what is on its way against Maildir and spool'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -f -a "export" -d 'Write what is known of accounts as lines that \'seen import\' reads'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -f -a "forget" -d 'Forget messages, so that they are fetched again while the server has them'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -f -a "import" -d 'Take up accounts from what \'seen export\' wrote in another state directory'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -f -a "list" -d 'Show the known messages: state, size and unique-id, one line each'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -f -a "rematch" -d 'Recognise messages that the server lists under new unique-ids, by their headers'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from catch-up" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from catch-up" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from catch-up" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from catch-up" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from catch-up" -s q -l quiet -d 'Show nothing but errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from catch-up" -s v -l verbose -d 'Say more; twice: trace the conversation, with the secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from catch-up" -l json -d 'Print one JSON object a line for each event'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from catch-up" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from check" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from check" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from check" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from check" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Show nothing but errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Say more; twice: trace the conversation, with the secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from check" -l json -d 'Print one JSON object a line for each event'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -l shard -d 'Take only the accounts of this one of N shards, the first of which is 0/N' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -l move -d 'Refuse to fetch them here from now on: their record goes on elsewhere'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Show nothing but errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Say more; twice: trace the conversation, with the secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -l json -d 'Print one JSON object a line for each event'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from forget" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from forget" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from forget" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from forget" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from forget" -s q -l quiet -d 'Show nothing but errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from forget" -s v -l verbose -d 'Say more; twice: trace the conversation, with the secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from forget" -l json -d 'Print one JSON object a line for each event'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from forget" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from import" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from import" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from import" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from import" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Show nothing but errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Say more; twice: trace the conversation, with the secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from import" -l json -d 'Print one JSON object a line for each event'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from list" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from list" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from list" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from list" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from list" -l failed -d 'Only messages that could not be fetched or delivered'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Show nothing but errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more; twice: trace the conversation, with the secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object a line for each event'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from rematch" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from rematch" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from rematch" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from rematch" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'Always'
auto\t'When the output is a terminal'
never\t'Never'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from rematch" -s q -l quiet -d 'Show nothing but errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from rematch" -s v -l verbose -d 'Say more; twice: trace the conversation, with the secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from rematch" -l json -d 'Print one JSON object a line for each event'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from rematch" -s h -l help -d 'Print help'
