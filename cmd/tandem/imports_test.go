package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers is the table of docs/architecture.md: a package may import those of lower layers, never one of its own or a higher layer.
var layers = map[string]int{
	"cmd/tandem": 8,
	"api":        7,
	"broadcasts": 6,
	"flows":      5, "signaling": 5, "analytics": 5, "crmsync": 5, "webhooks": 5,
	"chat": 4, "sip": 4, "notify": 4, "mediastream": 4, "smartactions": 4,
	"calls": 3, "queues": 3, "recording": 3, "crm": 3, "aiagents": 3, "internal/audit": 3,
	"internal/events": 2, "internal/auth": 2,
	"media": 1, "internal/storage": 1, "internal/egress": 1, "web": 1, "chat/attach": 1,
	"internal/fault": 0, "internal/door": 0,
	// The fault harness puts rooms together as the program does, and the program knows nothing of it.
	"recording/faultrun": 8, "recording/crmsim": 6,
}

// onlyUse names those that the plan keeps even below their layer.
var onlyUse = map[string][]string{"media": {"internal/fault"}, "chat/attach": {"internal/fault"}}

func TestImports(t *testing.T) {
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && path != root) {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		from := roomOf(filepath.ToSlash(filepath.Dir(rel)))
		if from == "" {
			t.Errorf("%s is in no room of docs/architecture.md", rel)
			return nil
		}
		files++
		return checkFile(t, path, rel, from)
	})
	if err != nil || files == 0 {
		t.Fatalf("read the tree: %v, %d files", err, files)
	}
}

func checkFile(t *testing.T, path, rel, from string) error {
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		return err
	}
	for _, imp := range f.Imports {
		name, err := strconv.Unquote(imp.Path.Value)
		if err != nil {
			return err
		}
		ours, ok := strings.CutPrefix(name, "tandem/")
		if !ok || helper(rel) {
			continue
		}
		if to := roomOf(ours); !allowed(from, to) {
			t.Errorf("%s imports %s: %s (layer %d) may not import %s (layer %d)", rel, name, from, layers[from], to, layers[to])
		}
	}
	return nil
}

// helper says whether a file only serves tests: such packages end in "test".
func helper(rel string) bool { return strings.HasSuffix(filepath.Dir(rel), "test") }

// roomOf is the room of a package: the longest name in the table that it lies in.
func roomOf(pkg string) string {
	for ; pkg != "." && pkg != ""; pkg = filepath.Dir(pkg) {
		if _, ok := layers[pkg]; ok {
			return pkg
		}
	}
	return ""
}

func allowed(from, to string) bool {
	if to == "" || from == to {
		return to != ""
	}
	if only, ok := onlyUse[from]; ok {
		return slices.Contains(only, to)
	}
	return layers[to] < layers[from]
}
