# SPDX-License-Identifier: GPL-2.0-or-later
# Help, version and what is said to those who mistype.
load common

@test "--help shows examples before options, and every option" {
    pagewalk run --help
    [ "$status" -eq 0 ]
    [ -z "$err" ]
    [[ $out == *"Examples:"*"Options:"* ]]
    for option in ram swap policy tlb levels page-size overcommit engine reproducible strace strict json \
        output quiet; do
        [[ $out == *"--$option"* ]]
    done
    [ "$(awk 'length > 80' stdout)" = "" ]
    pagewalk run -h -- ls
    [[ $out == "Usage: pagewalk run"* ]]
}

@test "help lists the commands, the presets and the policies" {
    pagewalk help
    [ "$status" -eq 0 ]
    [[ $out == *"pagewalk run"* && $out == *"pagewalk help"* ]]
    [ "$(awk 'length > 80' stdout)" = "" ]
    cp stdout help
    pagewalk --help
    cmp stdout help
    pagewalk help run
    [[ $out == "Usage: pagewalk run"* ]]
    pagewalk help tlb
    [[ $out == *skylake*"L1 data  64:4 "*golden-cove*zen4*"L2 code  512:8 "*neoverse-n1*tiny*pwc=* ]]
    [ "$(awk 'length > 80' stdout)" = "" ]
    pagewalk help policy
    [[ $out == *clock*fifo*lru*random* || $out == *clock*lru*fifo*random* ]]
    pagewalk help help
    [ "$status" -eq 0 ]
}

@test "--version" {
    pagewalk --version
    [ "$status" -eq 0 ]
    [[ $out =~ ^pagewalk\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    version=$out
    pagewalk run --version
    [ "$out" = "$version" ]
}

@test "mistyped words are answered with the nearest one" {
    pagewalk rum -- ls
    [ "$status" -eq 125 ]
    [ "$err" = "pagewalk: unknown command 'rum': did you mean 'run'?" ]
    pagewalk help polcy
    [ "$err" = "pagewalk: help: nothing about 'polcy': did you mean 'policy'?" ]
    pagewalk ls
    [[ $err == *"'pagewalk run -- ls' runs a program" ]]
    pagewalk --ram 4M -- ls
    [ "$status" -eq 125 ]
    [[ $err == *"options come after the command"* ]]
    pagewalk
    [ "$status" -eq 125 ]
    [[ $err == "pagewalk: no command"* ]]
    fails 125 "unknown option --polcy: did you mean --policy?" --polcy=lru -- ls
    fails 125 "unknown option --wibble: see" --wibble -- ls
    fails 125 "unknown option -x" -x -- ls
    fails 125 "unknown option -x" -qx -- ls
}
