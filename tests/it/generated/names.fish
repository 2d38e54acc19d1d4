
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
