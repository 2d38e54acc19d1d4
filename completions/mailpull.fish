# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_mailpull_global_optspecs
    string join \n c/config= state-dir= q/quiet v/verbose json color= progress= k/keep= d/delete maildir= mbox= mda= lmtp= recipient= n/dry-run retry only= max-messages= max-size= max-total= order= j/jobs= shard= run-timeout= o= h/help V/version
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
complete -c mailpull -n "__fish_mailpull_needs_command" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_needs_command" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_needs_command" -s k -l keep -d 'Leave delivered messages on the server, or delete them at AGE (14days)' -r
complete -c mailpull -n "__fish_mailpull_needs_command" -l maildir -d 'Deliver to the Maildir DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_needs_command" -l mbox -d 'Deliver to the mbox file FILE' -r -F
complete -c mailpull -n "__fish_mailpull_needs_command" -l mda -d 'Deliver by COMMAND, which reads one message on its standard input' -r -f -a "(__fish_complete_command)"
complete -c mailpull -n "__fish_mailpull_needs_command" -l lmtp -d 'Deliver to the mail server at ADDRESS by LMTP: HOST:PORT or the path of a socket' -r -F
complete -c mailpull -n "__fish_mailpull_needs_command" -l recipient -d 'The recipient of the messages at the mail server' -r
complete -c mailpull -n "__fish_mailpull_needs_command" -l only -d 'Fetch only this message: its unique-id, or \'#N\' of the last \'list\'' -r
complete -c mailpull -n "__fish_mailpull_needs_command" -l max-messages -d 'Fetch at most N messages' -r
complete -c mailpull -n "__fish_mailpull_needs_command" -l max-size -d 'Leave messages larger than SIZE (15MiB) on the server' -r
complete -c mailpull -n "__fish_mailpull_needs_command" -l max-total -d 'Fetch at most SIZE in total' -r
complete -c mailpull -n "__fish_mailpull_needs_command" -l order -d 'Fetch in this order: oldest-first, newest-first' -r -f -a "oldest-first\t''
newest-first\t''"
complete -c mailpull -n "__fish_mailpull_needs_command" -s j -l jobs -d 'Work on at most N accounts at the same time' -r
complete -c mailpull -n "__fish_mailpull_needs_command" -l shard -d 'Only fetch shard K of N (K counts from 0)' -r
complete -c mailpull -n "__fish_mailpull_needs_command" -l run-timeout -d 'End in good order after TIME (1h); the next run continues' -r
complete -c mailpull -n "__fish_mailpull_needs_command" -s o -f -a "(__mailpull_candidates)" -d 'Set any configuration key except a password, for this run' -r
complete -c mailpull -n "__fish_mailpull_needs_command" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_needs_command" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_needs_command" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_needs_command" -s d -l delete -d 'Delete messages from the server once they are delivered'
complete -c mailpull -n "__fish_mailpull_needs_command" -s n -l dry-run -d 'Only show what would be done, with senders and subjects'
complete -c mailpull -n "__fish_mailpull_needs_command" -l retry -d 'Try at once every message that was set aside or waits'
complete -c mailpull -n "__fish_mailpull_needs_command" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_needs_command" -s V -l version -d 'Print version'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "fetch" -d 'Fetch new mail (the default command)'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "check" -d 'Show how many new messages wait; exit with 1 if there are none'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "list" -d 'Show what is on the server: date, size, sender and subject'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "show" -d 'Print one message without delivering it'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "delete" -d 'Delete messages from the server without fetching them'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "send" -d 'Hand a message to the server, which sends it (XTND XMIT)'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "log" -d 'Show what was fetched, where it was delivered and when it was deleted from the server'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "status" -d 'Show when each account was fetched last, what failed, and what waits'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "watch" -d 'Stay in the foreground and fetch each account at its interval'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "login" -d 'Sign in to an account\'s provider, or put its password into the keyring'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "logout" -d 'Remove the sign-in or the password that login has stored'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "import" -d 'Take over the accounts of another fetcher, and what it has fetched'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "account" -d 'Add, test, list, rename and remove accounts'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "config" -d 'Look at the configuration'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "rules" -d 'Try the rules of an account'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "seen" -d 'Inspect or repair what mailpull remembers'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "completions" -d 'Print the completions of a shell'
complete -c mailpull -n "__fish_mailpull_needs_command" -f -a "help" -d 'Explain a command, as its option --help does'
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -s k -l keep -d 'Leave delivered messages on the server, or delete them at AGE (14days)' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l maildir -d 'Deliver to the Maildir DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l mbox -d 'Deliver to the mbox file FILE' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l mda -d 'Deliver by COMMAND, which reads one message on its standard input' -r -f -a "(__fish_complete_command)"
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l lmtp -d 'Deliver to the mail server at ADDRESS by LMTP: HOST:PORT or the path of a socket' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l recipient -d 'The recipient of the messages at the mail server' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l only -d 'Fetch only this message: its unique-id, or \'#N\' of the last \'list\'' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l max-messages -d 'Fetch at most N messages' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l max-size -d 'Leave messages larger than SIZE (15MiB) on the server' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l max-total -d 'Fetch at most SIZE in total' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l order -d 'Fetch in this order: oldest-first, newest-first' -r -f -a "oldest-first\t''
newest-first\t''"
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -s j -l jobs -d 'Work on at most N accounts at the same time' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l shard -d 'Only fetch shard K of N (K counts from 0)' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l run-timeout -d 'End in good order after TIME (1h); the next run continues' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -s o -f -a "(__mailpull_candidates)" -d 'Set any configuration key except a password, for this run' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -s d -l delete -d 'Delete messages from the server once they are delivered'
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -s n -l dry-run -d 'Only show what would be done, with senders and subjects'
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l retry -d 'Try at once every message that was set aside or waits'
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand fetch" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -s j -l jobs -d 'Work on at most N accounts at the same time' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -l shard -d 'Only check shard K of N (K counts from 0)' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -s o -f -a "(__mailpull_candidates)" -d 'Set any configuration key except a password, for this run' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand check" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand list" -s j -l jobs -d 'Work on at most N accounts at the same time' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand list" -s o -f -a "(__mailpull_candidates)" -d 'Set any configuration key except a password, for this run' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand list" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand list" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand list" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand list" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand list" -l new -d 'Show only new messages'
complete -c mailpull -n "__fish_mailpull_using_subcommand list" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand list" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand list" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand list" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand show" -l lines -d 'Show the header and the first N lines' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand show" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand show" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand show" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand show" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand show" -l headers -d 'Show only the header'
complete -c mailpull -n "__fish_mailpull_using_subcommand show" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand show" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand show" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand show" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand delete" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand delete" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand delete" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand delete" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand delete" -l yes -d 'Delete without asking; the messages must be named by their unique-ids'
complete -c mailpull -n "__fish_mailpull_using_subcommand delete" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand delete" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand delete" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand delete" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand send" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand send" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand send" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand send" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand send" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand send" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand send" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand send" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand log" -s n -l last -d 'Show only the last N messages' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand log" -l since -d 'Show only what was delivered since WHEN (2d, yesterday, 2026-11-30)' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand log" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand log" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand log" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand log" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand log" -l utc -d 'Show times in UTC on a terminal, too'
complete -c mailpull -n "__fish_mailpull_using_subcommand log" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand log" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand log" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand log" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand status" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand status" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand status" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand status" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand status" -l metrics -d 'Print OpenMetrics text for monitoring'
complete -c mailpull -n "__fish_mailpull_using_subcommand status" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand status" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand status" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand status" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand watch" -s j -l jobs -d 'Work on at most N accounts at the same time' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand watch" -l shard -d 'Only fetch shard K of N (K counts from 0)' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand watch" -s o -f -a "(__mailpull_candidates)" -d 'Set any configuration key except a password, for this run' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand watch" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand watch" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand watch" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand watch" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand watch" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand watch" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand watch" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand watch" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -s o -f -a "(__mailpull_candidates)" -d 'Set any configuration key except a password, for this run' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -l device -d 'Sign in on another device, where a code is typed'
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -l browser -d 'Sign in with a browser on this machine'
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand login" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand logout" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand logout" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand logout" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand logout" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand logout" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand logout" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand logout" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand logout" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand import" -l password-of -d 'Print the password of an account, for its password-command' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand import" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand import" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand import" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand import" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand import" -s n -l dry-run -d 'Only show what would be written, and what is known; connect to no server'
complete -c mailpull -n "__fish_mailpull_using_subcommand import" -l without-state -d 'Add the accounts only: the first fetch downloads everything on the server'
complete -c mailpull -n "__fish_mailpull_using_subcommand import" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand import" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand import" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand import" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -f -a "add" -d 'Find the server, try the login, and add an account to the configuration'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -f -a "list" -d 'List the accounts: user, server and where the mail goes'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -f -a "remove" -d 'Remove an account from the configuration, and forget what was fetched for it'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -f -a "rename" -d 'Give an account another name, in the configuration and in the record'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and not __fish_seen_subcommand_from add list remove rename test" -f -a "test" -d 'Connect, log in and show each step; fetch and delete nothing'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l user -d 'User name at the server, often the mail address' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l server -d 'HOST or HOST:PORT; default: found by the domain of USER' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l security -d 'Encrypt with: tls, starttls, none' -r -f -a "tls\t''
starttls\t''
none\t''"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l password-command -d 'Take the password that COMMAND prints' -r -f -a "(__fish_complete_command)"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l password-file -d 'Read the password from FILE' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l password-env -d 'Read the password from the environment variable NAME' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l maildir -d 'Deliver to the Maildir DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l mda -d 'Deliver by COMMAND, which reads one message on its standard input' -r -f -a "(__fish_complete_command)"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -s o -f -a "(__mailpull_candidates)" -d 'Set any other configuration key except a password' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l no-test -d 'Add the account without trying the login'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from list" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from list" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from list" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from list" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from list" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from remove" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from remove" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from remove" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from remove" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from remove" -l yes -d 'Remove it without asking'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from remove" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from rename" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from rename" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from rename" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from rename" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from rename" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from rename" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from rename" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from rename" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from test" -s o -f -a "(__mailpull_candidates)" -d 'Set any configuration key except a password, for this run' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from test" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from test" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from test" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from test" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from test" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from test" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand account; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and not __fish_seen_subcommand_from check show edit schema" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and not __fish_seen_subcommand_from check show edit schema" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and not __fish_seen_subcommand_from check show edit schema" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and not __fish_seen_subcommand_from check show edit schema" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and not __fish_seen_subcommand_from check show edit schema" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and not __fish_seen_subcommand_from check show edit schema" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and not __fish_seen_subcommand_from check show edit schema" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and not __fish_seen_subcommand_from check show edit schema" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and not __fish_seen_subcommand_from check show edit schema" -f -a "check" -d 'Show all mistakes in the configuration; connect to no server'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and not __fish_seen_subcommand_from check show edit schema" -f -a "show" -d 'Show what applies to each account, and where it was written'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and not __fish_seen_subcommand_from check show edit schema" -f -a "edit" -d 'Edit the configuration; it is replaced only if it has no mistakes'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and not __fish_seen_subcommand_from check show edit schema" -f -a "schema" -d 'Print the JSON schema of the configuration, for editors'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from check" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from check" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from check" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from check" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from check" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from show" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from show" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from show" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from show" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from show" -l all -d 'Also show the defaults of keys that nobody has set'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from edit" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from edit" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from edit" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from edit" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from edit" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from edit" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from edit" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from edit" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from schema" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from schema" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from schema" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from schema" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from schema" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from schema" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from schema" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand config; and __fish_seen_subcommand_from schema" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand rules; and not __fish_seen_subcommand_from test" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand rules; and not __fish_seen_subcommand_from test" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand rules; and not __fish_seen_subcommand_from test" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand rules; and not __fish_seen_subcommand_from test" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand rules; and not __fish_seen_subcommand_from test" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand rules; and not __fish_seen_subcommand_from test" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand rules; and not __fish_seen_subcommand_from test" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand rules; and not __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand rules; and not __fish_seen_subcommand_from test" -f -a "test" -d 'Say which rule takes a message, and why; connect to no server'
complete -c mailpull -n "__fish_mailpull_using_subcommand rules; and __fish_seen_subcommand_from test" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand rules; and __fish_seen_subcommand_from test" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand rules; and __fish_seen_subcommand_from test" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand rules; and __fish_seen_subcommand_from test" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand rules; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand rules; and __fish_seen_subcommand_from test" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand rules; and __fish_seen_subcommand_from test" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand rules; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -f -a "catch-up" -d 'Mark all messages on the server as seen without downloading them; they are never deleted'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -f -a "check" -d 'Verify the database, and show where messages are whose delivery was interrupted'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -f -a "export" -d 'Write what is remembered of accounts as lines that \'seen import\' reads'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -f -a "forget" -d 'Forget messages, so that they are fetched again if the server still has them'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -f -a "import" -d 'Read what \'seen export\' wrote in another state directory'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -f -a "list" -d 'List the known messages: state, size, unique-id, and why a message stays on the server'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and not __fish_seen_subcommand_from catch-up check export forget import list rematch" -f -a "rematch" -d 'Recognise messages by their headers after the server gave them new unique-ids'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from catch-up" -l before -d 'Only messages that arrived before WHEN (2d, yesterday, 2026-11-30)' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from catch-up" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from catch-up" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from catch-up" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from catch-up" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from catch-up" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from catch-up" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from catch-up" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from catch-up" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from check" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from check" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from check" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from check" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from check" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -l format -d 'Write the state of another fetcher, to go back to it: fetchmail, getmail, mpop' -r -f -a "fetchmail\t'fetchmail'
getmail\t'getmail6'
mpop\t'mpop'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -l shard -d 'Only export shard K of N (K counts from 0)' -r
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -l move -d 'Mark the accounts as moved; they are no longer fetched here'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from forget" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from forget" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from forget" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from forget" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from forget" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from forget" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from forget" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from forget" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from import" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from import" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from import" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from import" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from import" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from list" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from list" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from list" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from list" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from list" -l failed -d 'Show only messages that could not be fetched or delivered'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from list" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from rematch" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from rematch" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from rematch" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from rematch" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from rematch" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from rematch" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from rematch" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand seen; and __fish_seen_subcommand_from rematch" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand completions" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand completions" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand completions" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand completions" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand completions" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand completions" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand completions" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand completions" -s h -l help -d 'Print help'
complete -c mailpull -n "__fish_mailpull_using_subcommand help" -s c -l config -d 'Read FILE instead of the user\'s configuration' -r -F
complete -c mailpull -n "__fish_mailpull_using_subcommand help" -l state-dir -d 'Keep the database, the spool and the locks in DIR' -r -f -a "(__fish_complete_directories)"
complete -c mailpull -n "__fish_mailpull_using_subcommand help" -l color -d 'Colour the output: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand help" -l progress -d 'Draw progress bars: auto, always, never' -r -f -a "always\t'In any case'
auto\t'Only if the output is a terminal'
never\t'In no case'"
complete -c mailpull -n "__fish_mailpull_using_subcommand help" -s q -l quiet -d 'Show only errors'
complete -c mailpull -n "__fish_mailpull_using_subcommand help" -s v -l verbose -d 'Show more; -vv also shows the conversation and its times, with secrets masked'
complete -c mailpull -n "__fish_mailpull_using_subcommand help" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c mailpull -n "__fish_mailpull_using_subcommand help" -s h -l help -d 'Print help'

# Asks the program for accounts, keys and unique-ids. What it does not know is completed as above.
function __mailpull_candidates
    set -l words (commandline -opc)
    command $words[1] __complete -- $words[2..-1] (commandline -ct) 2>/dev/null
end

function __mailpull_has_candidates
    set -g __mailpull_found (__mailpull_candidates)
    set -q __mailpull_found[1]
end

complete -c mailpull -n __mailpull_has_candidates -f -a '$__mailpull_found'
