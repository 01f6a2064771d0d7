package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
)

// A tenant is deleted while the server runs: nobody gets in any more, nothing of it is left but its audit log, which says so.
func TestTenantDelete(t *testing.T) {
	url, dir := storagetest.NewURL(t), t.TempDir()
	p := run(t, url, dir)
	command := func(args ...string) (string, error) {
		cmd := exec.Command(p.cmd.Path, append([]string{"tenant", "delete"}, args...)...)
		cmd.Env = append(os.Environ(), environment(url, dir)...)
		cmd.Stdin = strings.NewReader("dem\n")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"demo"}, errNotConfirmed.Message},
		{[]string{"demo", "--confirm", "other"}, errNotConfirmed.Message},
		{[]string{"nobody", "--confirm", "nobody"}, "There is no such tenant."},
	} {
		if out, err := command(c.args...); err == nil || !strings.Contains(out, c.says) {
			t.Errorf("%v: %v: %s", c.args, err, out)
		}
	}
	admin := map[string]string{"email": "admin@demo.test", "password": "demo-demo"}
	if status, answer := p.do("POST", "/api/v1/login", admin); status != 200 {
		t.Fatalf("a login is answered with %d %s", status, answer)
	}
	for range 2 { // the second time there is nothing left to do
		if out, err := command("demo", "--confirm", "demo"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for path, body := range map[string]any{"/api/v1/login": admin, "/api/v1/queues": map[string]string{"name": "New"}} {
		if status, _ := p.do("POST", path, body); status != 401 {
			t.Errorf("%s is answered with %d", path, status)
		}
	}
	db, err := storage.Open(context.Background(), storage.Config{URL: url, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var left, audited int
	err = db.Worker(context.Background(), func(tx *storage.Tx) error {
		return errors.Join(
			tx.QueryRow(context.Background(), `SELECT (SELECT count(*) FROM tenant_keys) + (SELECT count(*) FROM users) + (SELECT count(*) FROM contacts) + (SELECT count(*) FROM sessions)`).Scan(&left),
			tx.QueryRow(context.Background(), `SELECT count(*) FROM events WHERE type = 'tenant.deleted'`).Scan(&audited))
	})
	if err != nil || left != 0 || audited != 2 {
		t.Errorf("%d rows are left, %d times told, %v", left, audited, err)
	}
}
