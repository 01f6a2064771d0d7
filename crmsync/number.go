package crmsync

import (
	"fmt"
	"strconv"
)

// Number is the id of a vendor whose ids are numbers: empty where it says null.
type Number string

// UnmarshalJSON takes a positive number or null.
func (n *Number) UnmarshalJSON(b []byte) error {
	if *n = Number(b); *n == "null" {
		*n = ""
		return nil
	}
	if _, err := strconv.ParseUint(string(b), 10, 63); err != nil {
		return fmt.Errorf("the id %s is no number", b)
	}
	return nil
}

// MarshalJSON writes it as a number.
func (n Number) MarshalJSON() ([]byte, error) { return []byte(n), nil }
