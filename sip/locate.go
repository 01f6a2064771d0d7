package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/miekg/dns"
)

// byDNS is the transport of a trunk whose name says by NAPTR records how it is reached.
const byDNS = "auto"

// hops are a trunk's servers, in the order in which they are tried (RFC 3263 4): as NAPTR records say where the transport is left to them, by
// SRV records where no port is given, or by the name itself. There is always one.
func (s *Server) hops(ctx context.Context, tr *Trunk) (hops []hop) {
	host, port := tr.place()
	if port != "" {
		return []hop{{tr.network(), tr.Outbound}}
	}
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	if tr.OutboundTransport == byDNS {
		hops = s.byNAPTR(ctx, tr, host)
	}
	for _, network := range tr.networks() {
		if len(hops) == 0 {
			hops = s.bySRV(ctx, network, srvPrefix[network]+host)
		}
	}
	if len(hops) == 0 {
		hops = []hop{{tr.network(), net.JoinHostPort(host, strconv.Itoa(gosip.DefaultPort(tr.network())))}}
	}
	return hops[:min(len(hops), maxWays)]
}

// networks are those that a trunk's calls may go by.
func (tr *Trunk) networks() []string {
	if tr.OutboundTransport == byDNS && tr.network() != "tls" {
		return []string{"udp", "tcp", "tls"}
	}
	return []string{tr.network()}
}

var srvPrefix = map[string]string{"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."}

// bySRV are the servers of an SRV name, in the order that RFC 2782 wants; none where it has no record.
func (s *Server) bySRV(ctx context.Context, network, name string) (hops []hop) {
	_, records, err := s.resolver.LookupSRV(ctx, "", "", name)
	if err != nil {
		return nil
	}
	for _, r := range records {
		hops = append(hops, hop{network, net.JoinHostPort(strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port)))})
	}
	return hops
}

// naptrServices are the services of NAPTR records that we can use (RFC 3263 4.1).
var naptrServices = map[string]string{"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}

// byNAPTR are the servers of the NAPTR records that come first, those of one order by preference (RFC 3403 4.1).
func (s *Server) byNAPTR(ctx context.Context, tr *Trunk, host string) (hops []hop) {
	records, err := s.naptr(ctx, host)
	if err != nil {
		s.log.Warn("cannot look up how a trunk is reached; its SRV records are looked for", "trunk", tr.ID, "err", err)
		return nil
	}
	slices.SortStableFunc(records, func(a, b *dns.NAPTR) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	var order uint16
	for _, r := range records {
		network := naptrServices[strings.ToUpper(r.Service)]
		if !strings.EqualFold(r.Flags, "s") || !slices.Contains(tr.networks(), network) {
			continue
		}
		if len(hops) >= maxWays || len(hops) > 0 && r.Order != order {
			break
		}
		order = r.Order
		hops = append(hops, s.bySRV(ctx, network, r.Replacement)...)
	}
	return hops
}

// naptr asks the system's name servers, in turn, for the NAPTR records of a host: what the standard library does not do.
func (s *Server) naptr(ctx context.Context, host string) (records []*dns.NAPTR, err error) {
	conf, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil || len(conf.Servers) == 0 {
		conf = &dns.ClientConfig{Servers: []string{"127.0.0.1"}, Port: "53"} // as the standard library does
	}
	question := new(dns.Msg).SetQuestion(dns.Fqdn(host), dns.TypeNAPTR)
	var errs []error
	for _, server := range conf.Servers {
		answer, err := s.askDNS(ctx, question, net.JoinHostPort(server, conf.Port))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, r := range answer.Answer {
			if n, ok := r.(*dns.NAPTR); ok {
				records = append(records, n)
			}
		}
		return records, nil
	}
	return nil, fmt.Errorf("ask for NAPTR records: %w", errors.Join(errs...))
}

// askDNS asks one name server, by TCP where the answer is too long for a datagram.
func (s *Server) askDNS(ctx context.Context, question *dns.Msg, server string) (answer *dns.Msg, err error) {
	dial := s.resolver.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	for _, network := range []string{"udp", "tcp"} {
		conn, err := dial(ctx, network, server)
		if err != nil {
			return nil, err
		}
		client := dns.Client{Net: network, Timeout: tryFor / 2}
		answer, _, err = client.ExchangeWithConnContext(ctx, question, &dns.Conn{Conn: conn})
		_ = conn.Close()
		if err != nil {
			return nil, err
		}
		if !answer.Truncated {
			break
		}
	}
	if answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError {
		return nil, fmt.Errorf("the name server says %s", dns.RcodeToString[answer.Rcode])
	}
	return answer, nil
}
