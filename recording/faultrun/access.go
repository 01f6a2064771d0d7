package faultrun

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

	"tandem/recording"
)

// factors are what the break-glass way asks for, as its refusals name them.
var factors = [...]string{"permission", "crm_signature", "second_factor"}

// accessKey is the key with which the run's CRM signs.
func accessKey() ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("the CRM's"))
	return ed25519.NewKeyFromSeed(seed[:])
}

// access goes the break-glass way to a recording with all factors but one, or with all of them behind the last; with its id uuid.Nil the CRM's key is
// registered.
func (n *node) access(ctx context.Context, tenant, id uuid.UUID, missing int) error {
	if id == uuid.Nil {
		der, err := x509.MarshalPKIXPublicKey(accessKey().Public())
		if err != nil {
			return fmt.Errorf("write the CRM's key: %w", err)
		}
		return n.rec.SetAccessKey(ctx, tenant, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	}
	user := uuid.New()
	c, err := n.rec.Challenge(ctx, tenant, id, user, nil)
	if err != nil {
		return err
	}
	without := errors.New("it is missing")
	try := recording.AccessTry{
		User: user, From: "192.0.2.1", Challenge: c.ID, Signature: ed25519.Sign(accessKey(), []byte(c.Message)),
		SecondFactor: func(context.Context) error { return nil },
	}
	if missing < len(factors) {
		switch factors[missing] {
		case "permission":
			try.Permission = without
		case "crm_signature":
			try.Signature = make([]byte, ed25519.SignatureSize)
		case "second_factor":
			try.SecondFactor = func(context.Context) error { return without }
		}
	}
	grant, err := n.rec.Access(ctx, tenant, id, try)
	if missing < len(factors) {
		if err == nil {
			return errors.New("it opens without " + factors[missing])
		}
		return nil
	}
	if err != nil {
		return err
	}
	held, err := n.rec.Listen(ctx, tenant, id, user, try.From, grant.Token)
	if err != nil {
		return err
	}
	defer held.Close()
	if n, err := io.Copy(io.Discard, held); err != nil || n != held.Size {
		return fmt.Errorf("%d bytes of %d are heard: %w", n, held.Size, err)
	}
	return nil
}
