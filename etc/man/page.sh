#!/bin/sh
# Prints a page of scdoc's for man: etc/man/page.sh PAGE.scd. Its first line has man run tbl, for the tables.
set -eu
printf '%s\n' "'\\\" t"
exec scdoc <"$1"
