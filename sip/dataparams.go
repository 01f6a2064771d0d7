package sip

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	gosip "github.com/emiago/sipgo/sip"

	"tandem/calls"
	"tandem/internal/fault"
)

// DataParameter puts something about a call into a header of its outbound INVITE (V1.6).
type DataParameter struct {
	Field       string `json:"field" maxLength:"64" doc:"an X- header, or User-to-User, which is written in hex (RFC 7433)"`
	Type        string `json:"type" enum:"fixed,dynamic"`
	Source      string `json:"source" maxLength:"1024" doc:"fixed: the value itself; dynamic: call, data or reserved"`
	SourceField string `json:"source_field,omitempty" maxLength:"64" doc:"dynamic: which of it"`
}

// Where dynamic parameters come from.
const (
	sourceCall     = "call"     // id, number, caller, caller_name, queue
	sourceData     = "data"     // the call's custom data, by name
	sourceReserved = "reserved" // the profile flags; sent to trusted trunks only
)

var (
	callFields     = []string{"id", "number", "caller", "caller_name", "queue"}
	reservedFields = []string{"reserved_verified_customer", "reserved_bad_actor", "reserved_repeat_customer"}
)

const maxDataParameters = 32

var errDataParameter = fault.New(fault.Invalid, "trunk_data_parameter_invalid",
	"A data parameter needs a field (an X- header or User-to-User), a type (fixed or dynamic), and a source: the value itself, or call, data or reserved with the field of it.").
	WithField("data_parameters")

func (p DataParameter) check() error {
	name := strings.ToLower(p.Field)
	if name != "user-to-user" && (!strings.HasPrefix(name, "x-") || len(name) < 3 || len(name) > 64 || !isToken(name)) {
		return errDataParameter
	}
	ok := false
	switch {
	case p.Type == "fixed":
		ok = p.SourceField == "" && len(p.Source) <= maxDataValue && !hasControl(p.Source)
	case p.Type != "dynamic":
	case p.Source == sourceCall:
		ok = slices.Contains(callFields, p.SourceField)
	case p.Source == sourceReserved:
		ok = slices.Contains(reservedFields, p.SourceField)
	case p.Source == sourceData:
		ok = p.SourceField != "" && len(p.SourceField) <= 64
	}
	if !ok {
		return errDataParameter
	}
	return nil
}

// value is what the parameter says of a call; not ok: nothing.
func (p DataParameter) value(to calls.Target, trusted bool) (v string, ok bool) {
	switch {
	case p.Type == "fixed":
		v = p.Source
	case p.Source == sourceData:
		v = to.Card.Data[p.SourceField]
	case p.Source == sourceCall:
		v = callField(to, p.SourceField)
	case trusted:
		v = reservedField(to.Card.Reserved, p.SourceField)
	}
	return v, v != "" && len(v) <= maxDataValue && !hasControl(v)
}

func callField(to calls.Target, name string) string {
	switch name {
	case "id":
		return to.Call.String()
	case "number":
		return to.Card.Number
	case "caller":
		return to.Card.Caller
	case "caller_name":
		return to.Card.Name
	}
	if n := len(to.Card.QueuePath); n > 0 {
		return to.Card.QueuePath[n-1]
	}
	return ""
}

func reservedField(r calls.Reserved, name string) string {
	flag := map[string]*bool{
		"reserved_verified_customer": r.VerifiedCustomer, "reserved_bad_actor": r.BadActor, "reserved_repeat_customer": r.RepeatCustomer,
	}[name]
	if flag == nil {
		return ""
	}
	return strconv.FormatBool(*flag)
}

// dataHeaders are the headers that a trunk's parameters make of a call.
func (tr *Trunk) dataHeaders(to calls.Target) []gosip.Header {
	var out []gosip.Header
	for _, p := range tr.DataParameters {
		v, ok := p.value(to, tr.Trusted)
		if !ok {
			continue
		}
		if strings.EqualFold(p.Field, "user-to-user") {
			if len(v) > maxUUI {
				continue
			}
			v = hex.EncodeToString([]byte(v)) + ";encoding=hex"
		}
		out = append(out, gosip.NewHeader(p.Field, v))
	}
	return out
}
