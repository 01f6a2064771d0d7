package notify

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
)

// Trust makes pushes accept the certificates of a test's push service.
func (s *Service) Trust(roots *x509.CertPool) {
	s.pushes.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}
