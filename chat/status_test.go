package chat

import "testing"

// orders calls f with all orders of a list.
func orders[T any](list []T, f func([]T)) {
	if len(list) < 2 {
		f(list)
		return
	}
	for i, first := range list {
		rest := append(append([]T{}, list[:i]...), list[i+1:]...)
		orders(rest, func(more []T) { f(append([]T{first}, more...)) })
	}
}

// All orders of what a platform may tell end alike (channels.md 13.4).
func TestStatusInAllOrders(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		news []Status
		want Status
	}{
		{[]Status{StatusSent, StatusDelivered, StatusRead, StatusFailed}, StatusRead},
		{[]Status{StatusSent, StatusDelivered, StatusFailed}, StatusDelivered},
		{[]Status{StatusSent, StatusFailed}, StatusFailed},
		{[]Status{StatusSent, StatusDelivered, StatusRead, StatusPlayed}, StatusPlayed},
		{[]Status{StatusSent, StatusSent, StatusQueued}, StatusSent},
	} {
		n := 0
		orders(tc.news, func(news []Status) {
			n++
			is := StatusQueued
			for _, s := range news {
				is = is.Next(s)
			}
			if is != tc.want {
				t.Errorf("%v ends as %s, not %s", news, is, tc.want)
			}
		})
		if n < 2 {
			t.Fatal("no orders")
		}
	}
}

func TestSlowestPart(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		parts []Status
		want  Status
	}{
		{[]Status{StatusRead}, StatusRead},
		{[]Status{StatusRead, StatusSent, StatusDelivered}, StatusSent},
		{[]Status{StatusSent, StatusQueued}, StatusQueued},
		{[]Status{StatusRead, StatusFailed, StatusQueued}, StatusFailed},
	} {
		if is := slowest(tc.parts); is != tc.want {
			t.Errorf("%v: %s, want %s", tc.parts, is, tc.want)
		}
	}
}
