package fault

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestKindSurvivesWrapping(t *testing.T) {
	missing := New(NotFound, "queue_not_found", "There is no such queue.")
	wrapped := fmt.Errorf("load queue: %w", missing.Because(io.EOF))
	if KindOf(wrapped) != NotFound {
		t.Fatalf("kind = %s", KindOf(wrapped))
	}
	if !errors.Is(wrapped, missing) || !errors.Is(wrapped, io.EOF) {
		t.Fatal("the code and the cause must both be found in the chain")
	}
	if errors.Is(wrapped, New(NotFound, "user_not_found", "")) {
		t.Fatal("another code must not match")
	}
	if KindOf(io.EOF) != Internal {
		t.Fatal("a plain error is internal")
	}
	if f := missing.WithField("queue"); f.Field != "queue" || missing.Field != "" {
		t.Fatal("WithField must copy")
	}
}
