package storage

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"tandem/internal/fault"
)

// A place is the folder of one private cluster:
//
//	base/tandem.json    marks it as ours, with the layout's version
//	base/lock           held (flock) by the server that uses it
//	base/hba.conf       who may connect; base/ident.conf as whom
//	base/data/          PostgreSQL's own, owned by the user it runs as
//	base/run/           the unix socket, unless its path would be too long
//
// base belongs to this process's user, so that the database's user cannot swap its files.
type place struct {
	base       string
	socket     string              // folder of the unix socket
	credential *syscall.Credential // nil: as this process
}

const (
	markFile    = "tandem.json"
	lockFile    = "lock"
	hbaFile     = "hba.conf"
	identFile   = "ident.conf"
	pointerFile = "postgres.location"
	layout      = 1
	elsewhere   = "/var/lib/tandem"
	// longestSocket is sun_path's 107 bytes less "/.s.PGSQL.5432".
	longestSocket = 107 - 14
)

func (pl place) data() string { return filepath.Join(pl.base, "data") }

// findPlace returns the cluster's place for a data.dir, made if need be: data.dir/postgres; or, where the database's user cannot get
// there, a folder in /var/lib/tandem that data.dir/postgres.location names.
func findPlace(ctx context.Context, dir string, log *slog.Logger) (place, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return place{}, fmt.Errorf("find data.dir: %w", err)
	}
	// Others may pass through, not look: the database's user has its folder below.
	err = os.MkdirAll(filepath.Dir(dir), 0o755)
	if err == nil {
		err = makePassable(dir)
	}
	if err != nil {
		return place{}, fault.New(fault.Unavailable, "data_dir", "data.dir cannot be made; choose another.").WithField("data.dir").Because(err)
	}
	base, err := existingBase(dir)
	if err != nil {
		return place{}, err
	}
	cred, err := databaseCredential(ctx, base, log)
	if err != nil {
		return place{}, err
	}
	if base == "" {
		if base, err = chooseBase(ctx, dir, cred, log); err != nil {
			return place{}, err
		}
	}
	pl := place{base: base, credential: cred}
	if err := pl.claim(); err != nil {
		return place{}, err
	}
	ok, err := reachable(ctx, base, cred)
	if err != nil {
		return place{}, err
	}
	if !ok {
		return place{}, fault.Newf(fault.Conflict, "database_folder_unreachable",
			"PostgreSQL's user cannot enter %s: let others pass through its parent folders (chmod o+x).", base)
	}
	pl.socket, err = pl.socketFolder()
	return pl, err
}

// existingBase returns the base that dir already has, or "".
func existingBase(dir string) (string, error) {
	pointer := filepath.Join(dir, pointerFile)
	b, err := os.ReadFile(pointer)
	if err == nil {
		base := strings.TrimSpace(string(b))
		if _, err := os.Stat(base); err != nil {
			return "", fault.Newf(fault.Conflict, "database_folder_gone",
				"The database of this data.dir was kept in %s, which is gone: bring it back, or remove %s to begin with an empty database.", base, pointer).Because(err)
		}
		return base, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read where the database is kept: %w", err)
	}
	base := filepath.Join(dir, "postgres")
	if _, err := os.Stat(base); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", fmt.Errorf("look for the database folder: %w", err)
	}
	return base, nil
}

// chooseBase picks the place of a new cluster and, when it is not in dir, leaves the pointer to it first.
func chooseBase(ctx context.Context, dir string, cred *syscall.Credential, log *slog.Logger) (string, error) {
	ok, err := reachable(ctx, dir, cred)
	if err != nil {
		return "", err
	}
	if ok {
		return filepath.Join(dir, "postgres"), nil
	}
	if err := makePassable(elsewhere); err != nil {
		return "", err
	}
	var id [6]byte
	if _, err := rand.Read(id[:]); err != nil {
		return "", fmt.Errorf("name the database folder: %w", err)
	}
	base := filepath.Join(elsewhere, "postgres-"+hex.EncodeToString(id[:]))
	log.Warn("the user that PostgreSQL runs as cannot enter data.dir, so the database is kept elsewhere", "folder", base, "named_by", filepath.Join(dir, pointerFile))
	if err := makePassable(base); err != nil {
		return "", err
	}
	return base, writeFileSync(filepath.Join(dir, pointerFile), []byte(base+"\n"), 0o644)
}

// claim makes sure that base is ours: an empty folder becomes ours, one with other things in it is refused.
func (pl place) claim() error {
	if err := makePassable(pl.base); err != nil {
		return err
	}
	mark := filepath.Join(pl.base, markFile)
	var m struct {
		Layout int `json:"layout"`
	}
	b, err := os.ReadFile(mark)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		found, err := os.ReadDir(pl.base)
		if err != nil {
			return fmt.Errorf("look into the database folder: %w", err)
		}
		found = slices.DeleteFunc(found, func(e fs.DirEntry) bool { return strings.HasPrefix(e.Name(), "."+markFile) }) // a mark half written
		if len(found) > 0 {
			return fault.Newf(fault.Conflict, "database_folder_foreign",
				"%s is not empty and was not made by Tandem: choose another data.dir, or move that folder away.", pl.base).WithField("data.dir")
		}
		return writeFileSync(mark, fmt.Appendf(nil, "{\"layout\": %d}\n", layout), 0o644)
	case err != nil:
		return fmt.Errorf("read the database folder's mark: %w", err)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return fault.Newf(fault.Conflict, "database_folder_foreign", "%s does not look like Tandem's: choose another data.dir, or move that folder away.", mark).WithField("data.dir").Because(err)
	}
	if m.Layout > layout {
		return fault.Newf(fault.Conflict, "database_folder_newer", "%s was made by a newer Tandem: run that version.", pl.base).WithField("data.dir")
	}
	return nil
}

// makePassable makes a folder that others may pass through, whatever the umask; one that exists stays as it is.
func makePassable(dir string) error {
	err := os.Mkdir(dir, 0o711)
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make a folder for the database: %w", err)
	}
	return nil
}

// lock takes the place for this process; the kernel gives it back when the process ends, however it ends.
func (pl place) lock() (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(pl.base, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the database folder's lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner, _ := os.ReadFile(f.Name()) // only to say more
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fault.Newf(fault.Conflict, "data_dir_in_use",
				"Another Tandem server (process %s) uses %s: stop it, or choose another data.dir.", bytes.TrimSpace(owner), pl.base).WithField("data.dir")
		}
		return nil, fmt.Errorf("lock the database folder: %w", err)
	}
	_, err = f.WriteAt(fmt.Appendf(nil, "%-10d\n", os.Getpid()), 0)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("write the database folder's lock: %w", err)
	}
	return f, nil
}

// clusterVersion returns the major version that made the data folder; 0 when there is none yet.
func (pl place) clusterVersion() (int, error) {
	if _, err := os.Stat(pl.data()); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	b, err := os.ReadFile(filepath.Join(pl.data(), "PG_VERSION"))
	if err == nil {
		var major int
		if major, err = strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
			return major, nil
		}
	}
	return 0, fault.Newf(fault.Conflict, "database_folder_damaged", "%s is no complete PostgreSQL data folder: restore it from a backup.", pl.data()).Because(err)
}

// newDataFolder makes the empty folder that initdb fills, owned by the database's user.
func (pl place) newDataFolder() (string, error) {
	fresh := filepath.Join(pl.base, "data.new")
	if err := os.RemoveAll(fresh); err != nil {
		return "", fmt.Errorf("remove what an interrupted start left: %w", err)
	}
	return fresh, pl.mkdirOwned(fresh)
}

func (pl place) mkdirOwned(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make a folder for PostgreSQL: %w", err)
	}
	if pl.credential == nil {
		return nil
	}
	if err := os.Lchown(dir, int(pl.credential.Uid), int(pl.credential.Gid)); err != nil {
		return fmt.Errorf("hand a folder to PostgreSQL's user: %w", err)
	}
	return nil
}

// socketFolder is base/run, or a short path of our own when a unix socket there would have too long a name.
func (pl place) socketFolder() (string, error) {
	dir := filepath.Join(pl.base, "run")
	if len(dir) <= longestSocket {
		return dir, pl.mkdirOwned(dir)
	}
	parent := os.TempDir()
	if os.Geteuid() == 0 {
		parent = "/run"
	} else if d := os.Getenv("XDG_RUNTIME_DIR"); d != "" {
		parent = d
	}
	dir = filepath.Join(parent, "tandem-"+shortHash(pl.base))
	if len(dir) > longestSocket {
		dir = filepath.Join("/tmp", filepath.Base(dir))
	}
	if err := pl.mkdirOwned(dir); err != nil {
		return "", err
	}
	// Someone else's folder under that name could hold a false server.
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("look at the socket's folder: %w", err)
	}
	want := uint32(os.Geteuid())
	if pl.credential != nil {
		want = pl.credential.Uid
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || !info.IsDir() || st.Uid != want || info.Mode().Perm() != 0o700 {
		return "", fault.Newf(fault.Conflict, "socket_folder_foreign", "%s belongs to someone else: remove it, or choose a data.dir with a shorter path.", dir)
	}
	return dir, nil
}

// writeAccessFiles lets in this process's user, and PostgreSQL's own, as told by the kernel; nobody else, and nobody by password.
func (pl place) writeAccessFiles() error {
	hba := "local all all peer map=tandem\n"
	var ident strings.Builder
	ids := []int{os.Geteuid()}
	if pl.credential != nil {
		ids = append(ids, int(pl.credential.Uid))
	}
	for _, id := range ids {
		u, err := user.LookupId(strconv.Itoa(id))
		if err != nil {
			return fmt.Errorf("find the name of user %d: %w", id, err)
		}
		fmt.Fprintf(&ident, "tandem \"%[1]s\" postgres\ntandem \"%[1]s\" tandem\n", u.Username)
	}
	if err := writeFileSync(filepath.Join(pl.base, hbaFile), []byte(hba), 0o644); err != nil {
		return err
	}
	return writeFileSync(filepath.Join(pl.base, identFile), []byte(ident.String()), 0o644)
}
