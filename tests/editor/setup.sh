#!/bin/sh
# Installs the language server with which the test `editor` reads every spec. It needs node and npm.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
npm install --prefix "$here" --no-save --no-package-lock --no-audit --no-fund --loglevel=error yaml-language-server@1.25.0
