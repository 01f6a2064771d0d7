package storage

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tandem/internal/fault"
)

// An epoch is a day, in UTC, on which recordings began. What wraps their data keys outside the database dies with the epoch's key, in
// every copy, backup and forgotten disk at once.

// ErrEpochDestroyed says that the key of a day is gone, and with it what was recorded on that day and not delivered.
var ErrEpochDestroyed = fault.New(fault.NotFound, "epoch_destroyed", "The key of that day has been destroyed; what it protected cannot be read any more.")

const epochPrefix = "epoch-"

func (k *Keys) epochFile(day time.Time) (name, purpose string) {
	date := day.UTC().Format(time.DateOnly)
	return filepath.Join(k.dir, epochPrefix+date), "tandem epoch key " + date
}

// MakeEpoch returns the key of a day, made at its first use: for what begins to be recorded now.
func (k *Keys) MakeEpoch(day time.Time) (*Key, error) {
	name, purpose := k.epochFile(day)
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		wrapped, err := k.master.newKeyset(purpose)
		if err != nil {
			return nil, err
		}
		if err := createFileSync(name, wrapped); err != nil {
			return nil, err
		}
	}
	return k.EpochKey(day)
}

// EpochKey returns the key of a day for reading what was recorded then; ErrEpochDestroyed when it is gone. A Key that is held longer
// outlives DestroyEpoch in memory: fetch it for each use.
func (k *Keys) EpochKey(day time.Time) (*Key, error) {
	name, purpose := k.epochFile(day)
	wrapped, err := os.ReadFile(name)
	// All zero: DestroyEpoch was cut short.
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(bytes.Trim(wrapped, "\x00")) == 0 {
		return nil, ErrEpochDestroyed
	}
	if err != nil {
		return nil, fmt.Errorf("read the day's key: %w", err)
	}
	return k.master.openKeyset(wrapped, purpose)
}

// Epochs returns the days that still have a key, oldest first.
func (k *Keys) Epochs() ([]time.Time, error) {
	entries, err := os.ReadDir(k.dir) // sorted by name, and so by date
	if err != nil {
		return nil, fmt.Errorf("list the days' keys: %w", err)
	}
	var days []time.Time
	for _, e := range entries {
		date, found := strings.CutPrefix(e.Name(), epochPrefix)
		if day, err := time.Parse(time.DateOnly, date); found && err == nil {
			days = append(days, day)
		}
	}
	return days, nil
}

// DestroyEpoch overwrites and removes the key of a day. When it returns nil the key is gone from the disk as far as its file system
// overwrites in place; a day without a key is no error, and a call cut short can be made again.
func (k *Keys) DestroyEpoch(day time.Time) error {
	name, _ := k.epochFile(day)
	err := shred(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("destroy the day's key: %w", err)
	}
	return nil
}

func shred(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(make([]byte, info.Size()), 0); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(0), f.Sync(), os.Remove(name)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}
