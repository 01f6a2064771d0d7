package smartactions

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"tandem/internal/storage"
)

// Verification by the customer's device (W3C Web Authentication). The first time a device makes a key pair for us; that and every later
// time it signs a nonce of ours, after the customer has shown it a finger, a face or a PIN. The signature is the result: a nonce is good
// for one answer, and for its own action.

// Ceremony is what a page hands to navigator.credentials.
type Ceremony struct {
	Register bool            `json:"register" doc:"true: credentials.create; false: credentials.get"`
	Options  json.RawMessage `json:"options" doc:"with publicKey, as parseCreationOptionsFromJSON or parseRequestOptionsFromJSON take it"`
}

// customer is a contact as the library sees it.
type customer struct {
	contact uuid.UUID
	name    string
	devices []device
}

func (c customer) WebAuthnID() []byte          { return c.contact[:] }
func (c customer) WebAuthnName() string        { return c.name }
func (c customer) WebAuthnDisplayName() string { return c.name }
func (c customer) WebAuthnCredentials() []webauthn.Credential {
	list := make([]webauthn.Credential, len(c.devices))
	for i, d := range c.devices {
		list[i] = d.Credential
	}
	return list
}

// party is us, as the devices of a tenant's customers know us: by the host of our address.
func (s *Service) party(ctx context.Context, tenant uuid.UUID) (*webauthn.WebAuthn, Tenant, error) {
	who, err := s.cfg.Tenant(ctx, tenant)
	if err != nil {
		return nil, who, err
	}
	address, err := url.Parse(s.cfg.URL())
	if err != nil {
		return nil, who, fmt.Errorf("read the installation's address: %w", err)
	}
	w, err := webauthn.New(&webauthn.Config{
		RPID: address.Hostname(), RPDisplayName: who.Name, RPOrigins: []string{address.Scheme + "://" + address.Host},
		AttestationPreference:  protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{UserVerification: protocol.VerificationRequired, ResidentKey: protocol.ResidentKeyRequirementDiscouraged},
		Timeouts: webauthn.TimeoutsConfig{
			Login: webauthn.TimeoutConfig{Enforce: true, Timeout: ceremonyTime}, Registration: webauthn.TimeoutConfig{Enforce: true, Timeout: ceremonyTime},
		},
	})
	if err != nil {
		return nil, who, fmt.Errorf("set up verification by devices: %w", err)
	}
	return w, who, nil
}

const ceremonyTime = 3 * time.Minute

// known returns the contact of an action with their devices.
func (s *Service) known(ctx context.Context, tenant uuid.UUID, a *Action, name string) (c customer, err error) {
	c.name = name
	if c.contact, err = s.cfg.Contact(ctx, tenant, a.ItemKind, a.Item); err != nil {
		return c, err
	}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error { c.devices, err = devices(ctx, tx, c.contact, a.ID); return err })
	return c, err
}

func (s *Service) knowsDevice(ctx context.Context, tenant uuid.UUID, a *Action) (bool, error) {
	c, err := s.known(ctx, tenant, a, "")
	return len(c.devices) > 0, err
}

// of returns the action of a link that asks for a verification.
func (s *Service) of(ctx context.Context, l Link) (tenant uuid.UUID, a Action, err error) {
	err = s.answering(ctx, l, func(tx *storage.Tx, found *Action) error {
		tenant, a = tx.Tenant, *found
		if a.Kind != Verification {
			return ErrLink
		}
		return nil
	})
	return tenant, a, err
}

// Challenge makes a nonce for the customer's device. Another device is registered when the customer wants so, or has none yet; the agent
// sees that it is new.
func (s *Service) Challenge(ctx context.Context, l Link, anotherDevice bool) (c Ceremony, err error) {
	tenant, a, err := s.of(ctx, l)
	if err != nil {
		return c, err
	}
	party, who, err := s.party(ctx, tenant)
	if err != nil {
		return c, err
	}
	user, err := s.known(ctx, tenant, &a, who.Name)
	if err != nil {
		return c, err
	}
	c.Register = len(user.devices) == 0 || anotherDevice
	var options any
	var session *webauthn.SessionData
	if c.Register {
		options, session, err = party.BeginRegistration(user, webauthn.WithExclusions(webauthn.Credentials(user.WebAuthnCredentials()).CredentialDescriptors()))
	} else {
		options, session, err = party.BeginLogin(user)
	}
	if err != nil {
		return c, fmt.Errorf("make a nonce: %w", err)
	}
	if c.Options, err = json.Marshal(options); err != nil {
		return c, fmt.Errorf("write a nonce: %w", err)
	}
	return c, s.answering(ctx, l, func(tx *storage.Tx, a *Action) error {
		return setChallenge(ctx, tx, a.ID, ceremony{Contact: user.contact, Register: c.Register, Session: *session})
	})
}

// Respond checks what the device says to the last nonce, which is used up whatever it says. A registration is no result yet: the page asks
// for the next nonce, and the device signs that. The first good signature ends the action.
func (s *Service) Respond(ctx context.Context, l Link, response []byte) (done bool, err error) {
	tenant, a, err := s.of(ctx, l)
	if err != nil {
		return false, err
	}
	var c ceremony
	err = s.answering(ctx, l, func(tx *storage.Tx, a *Action) error { c, err = takeChallenge(ctx, tx, a.ID); return err })
	if err == nil {
		var party *webauthn.WebAuthn
		var who Tenant
		if party, who, err = s.party(ctx, tenant); err != nil {
			return false, err
		}
		var user customer
		if user, err = s.known(ctx, tenant, &a, who.Name); err != nil {
			return false, err
		}
		if user.contact != c.Contact { // merged or changed meanwhile: whose device is this?
			err = ErrVerify
		} else if c.Register {
			err = s.register(ctx, l, party, user, c, response)
		} else {
			err = s.verify(ctx, l, party, user, c, response)
		}
	}
	if err != nil {
		s.count(Verification, "refused")
		return false, err
	}
	return !c.Register, nil
}

func (s *Service) register(ctx context.Context, l Link, party *webauthn.WebAuthn, user customer, c ceremony, response []byte) error {
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return ErrVerify.Because(err)
	}
	credential, err := party.CreateCredential(user, c.Session, parsed)
	if err != nil {
		return ErrVerify.Because(err)
	}
	return s.answering(ctx, l, func(tx *storage.Tx, a *Action) error { return addDevice(ctx, tx, user.contact, a.ID, credential) })
}

func (s *Service) verify(ctx context.Context, l Link, party *webauthn.WebAuthn, user customer, c ceremony, response []byte) error {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return ErrVerify.Because(err)
	}
	credential, err := party.ValidateLogin(user, c.Session, parsed)
	if err != nil {
		return ErrVerify.Because(err)
	}
	i := slices.IndexFunc(user.devices, func(d device) bool { return bytes.Equal(d.Credential.ID, credential.ID) })
	if i < 0 || credential.Authenticator.CloneWarning {
		return ErrVerify
	}
	return s.answering(ctx, l, func(tx *storage.Tx, a *Action) error {
		if err := usedDevice(ctx, tx, credential); err != nil {
			return err
		}
		a.Verified = &Verified{FirstUse: user.devices[i].RegisteredIn == a.ID, Since: user.devices[i].CreatedAt}
		return s.step(ctx, tx, a, StepFinish, "done")
	})
}
