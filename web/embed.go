// Package web holds the browser screens, built by `make web` into dist and embedded into the program.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Dist is the built screens: index.html at its root and content-hashed files below assets/. Before the first `make web` it holds no
// index.html, which the API's server tells whoever asks for a page.
func Dist() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder's name is a constant that the embed directive has checked
	}
	return sub
}
