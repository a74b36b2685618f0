package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"time"
)

// early says whether the clock stands before this program was built, as it does
// without a battery until NTP has answered. Then it is surely wrong.
func (s *setup) early(now time.Time) bool { return now.Before(s.BuildDate) }

// verifyTime is when certificates are verified: now, or where the clock is wrong
// the build date, which is the better guess.
func (s *setup) verifyTime(now time.Time) time.Time {
	if s.early(now) {
		return s.BuildDate
	}
	return now
}

// verifyEarly has c verify the broker's certificate as crypto/tls does, but on the
// day on which it became valid where that is after the build date: a broker's
// certificate is renewed each year, and firmware in the field is older. No
// authority has issued it before it was that day.
func (s *setup) verifyEarly(c *tls.Config) {
	c.InsecureSkipVerify = true // VerifyConnection does it
	c.VerifyConnection = func(cs tls.ConnectionState) error {
		leaf := cs.PeerCertificates[0]
		o := x509.VerifyOptions{Roots: s.roots, DNSName: s.Endpoint, CurrentTime: s.BuildDate, Intermediates: x509.NewCertPool()}
		if leaf.NotBefore.After(o.CurrentTime) {
			o.CurrentTime = leaf.NotBefore
		}
		for _, cert := range cs.PeerCertificates[1:] {
			o.Intermediates.AddCert(cert)
		}
		if _, err := leaf.Verify(o); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: cs.PeerCertificates, Err: err}
		}
		return nil
	}
}
