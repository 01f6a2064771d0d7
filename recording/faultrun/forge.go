package faultrun

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/media/sound"
	"tandem/recording/crmsim"
)

// forgery is the audio of a recording that was made at speed, and what the CRM has got of it.
type forgery struct {
	size int64    // bytes of audio
	sum  [32]byte // of them

	mu  sync.Mutex
	had map[string]bool // parts
	in  int64
	got hash.Hash
}

// take is the CRM's sink: it unpacks each part as it comes, in the order in which they come. What is cut off, or comes again, does not count.
func (f *forgery) take(name string, body io.Reader) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	w, err := sound.NewReader(body)
	if err != nil {
		return err
	}
	got, err := f.got.(hash.Cloner).Clone()
	if err != nil {
		return err
	}
	n, err := io.Copy(got, w.Payload())
	if err == nil && n == w.Declared() && !f.had[name] {
		f.had[name], f.in, f.got = true, f.in+n, got
	}
	return err
}

// forge makes of the recording of a call, whose process has just died, one of so much audio: its spool file is written anew, in the frames in which it is
// captured, from what the database and the keys' folder hold.
func (r *Run) forge(c *talk, size int64) {
	r.t.Helper()
	rec := r.found(c)
	key := r.dataKey(rec)
	f, err := os.OpenFile(filepath.Join(r.cfg.Spool, rec.ID.String()+".rec"), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	format, err := json.Marshal(sound.Format{Encoding: sound.MuLaw, Rate: 8000, Channels: 2})
	if err != nil {
		r.t.Fatal(err)
	}
	frames := 0
	add := func(plain []byte) error {
		start, err := f.Seek(8, io.SeekCurrent)
		if err != nil {
			return err
		}
		w, err := key.EncryptWriter(f, fmt.Sprintf("recording %s frame %d of %d bytes", rec.ID, frames, len(plain)))
		if err == nil {
			_, err = w.Write(plain)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			return err
		}
		end, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		frames++
		head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(end-start)), uint32(len(plain)))
		_, err = f.WriteAt(head, start-8)
		return err
	}
	err = add(format)
	sum, random, frame := sha256.New(), rand.NewChaCha8([32]byte{1}), make([]byte, 256<<10)
	for left := size; err == nil && left > 0; left -= int64(len(frame)) {
		frame = frame[:min(left, int64(len(frame)))]
		_, _ = random.Read(frame) // it never fails
		sum.Write(frame)
		err = add(frame)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		r.t.Fatal(err)
	}
	c.forged = &forgery{size: size, sum: [32]byte(sum.Sum(nil)), had: map[string]bool{}, got: sha256.New()}
	r.crm.Sink(c.forged.take)
}

// dataKey opens the key of a recording as the product does, with the run's keys at hand.
func (r *Run) dataKey(rec *found) (key *storage.DataKey) {
	r.t.Helper()
	ctx, about := context.Background(), "recording "+rec.ID.String()
	keys, err := storage.OpenKeysWith(r.cfg.Keys, r.cfg.Master)
	if err != nil {
		r.t.Fatal(err)
	}
	err = r.db.Worker(ctx, func(tx *storage.Tx) error {
		var day, crm, kept []byte
		var tenant, pair uuid.UUID
		err := tx.QueryRow(ctx, `SELECT r.tenant_id, wrapped_key, crm_share, key_id, kept FROM recordings r JOIN recording_crm_keys ON key_id = crm_key_id WHERE recording_id = $1`, rec.ID).
			Scan(&tenant, &day, &crm, &pair, &kept)
		if err != nil {
			return err
		}
		under, err := keys.Tenant(ctx, tx, tenant)
		if err != nil {
			return err
		}
		opening, err := storage.OpenKept(kept, under, r.cfg.Secret, "crm key of recordings "+pair.String())
		if err != nil {
			return err
		}
		first, err := opening.Open(crm, about)
		if err != nil {
			return err
		}
		by, err := keys.Releaser("repair")
		if err != nil {
			return err
		}
		order, err := by.Sign(about, tx.Now.Add(time.Minute))
		if err != nil {
			return err
		}
		second, err := keys.OpenShare(order, rec.StartedAt, tx.Now, day, about)
		if err != nil {
			return err
		}
		key, err = storage.JoinKey(first, second)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return key
}

// forgery: the parts joined are what was recorded, and none is larger than it may be.
func (v *verdict) forgery(c *talk, files []crmsim.File) {
	if c.forged.in != c.forged.size || [32]byte(c.forged.got.Sum(nil)) != c.forged.sum {
		v.broken("I1", c, "the parts joined are %d bytes of audio, which are not the %d that were recorded", c.forged.in, c.forged.size)
	}
	for _, f := range files {
		if f.Size > v.r.cfg.MaxPart {
			v.broken("I2", c, "a part of %d bytes", f.Size)
		}
	}
}
