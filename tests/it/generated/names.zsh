
# Asks the program for accounts, keys and unique-ids. What it does not know is completed as above.
_mailpull() {
    local -a candidates
    local program=${(Q)words[1]/#\~/$HOME}
    candidates=(${(f)"$($program __complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)"})
    if (( ! $#candidates )); then
        _mailpull_flags "$@"
    elif [[ $candidates[1] == *= ]]; then
        compadd -S '' -a candidates
    else
        compadd -a candidates
    fi
}

