// Package web holds the browser screens, built by `make web` into dist and embedded into the program.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Dist is the built screens: index.html at its root and content-hashed files below assets/. Before the first `make web` it holds no
// index.html, see Built.
func Dist() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder's name is a constant that the embed directive has checked
	}
	return sub
}

// Built tells whether the screens were built before the program was.
func Built() bool {
	_, err := fs.Stat(dist, "dist/index.html")
	return err == nil
}

// NotBuilt is the page to serve in the screens' place when Built is false.
const NotBuilt = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Tandem</title>
<body style="font:16px/1.5 system-ui;margin:15vh auto;max-width:34em;padding:0 1em">
<h1>The screens are not built</h1><p>This program was compiled without them. Run <code>make build</code> and start it again.
The API works: see <a href="/api/openapi.json">/api/openapi.json</a>.</p></body></html>`
