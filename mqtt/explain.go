package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"
)

// manyFlaps is how many sessions in a row the broker must have ended early
// before somebody else with our client id is suspected.
const manyFlaps = 3

// explain adds to an error of an attempt what a person can do about it.
func (s *setup) explain(err error, now time.Time) error {
	hint := s.hint(err, now)
	if hint == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, hint)
}

func (s *setup) hint(err error, now time.Time) string {
	var refused connackError
	var dns *net.DNSError
	var op *net.OpError
	var verify *tls.CertificateVerificationError
	switch {
	case errors.As(err, &refused):
		return s.hintConnack(refused)
	case errors.As(err, &verify):
		return s.hintVerify(verify, now)
	case errors.As(err, &op) && op.Op == "remote error":
		return s.hintAlert(op.Err.Error(), now)
	case errors.As(err, &dns) && dns.IsNotFound:
		return "check the endpoint's spelling and the device's DNS (/etc/resolv.conf)"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there; check the port (8883, or 443) and firewalls"
	case errors.As(err, new(tls.RecordHeaderError)):
		return "that is no TLS; check the port (8883, or 443)"
	case errors.Is(err, errNoAnswer) || errors.Is(err, errReload):
		return ""
	case strings.HasPrefix(err.Error(), "waiting for CONNACK") && closedByBroker(err):
		return s.hintSilent(now)
	case strings.HasPrefix(err.Error(), "TLS handshake") && closedByBroker(err):
		return "the other end closed the connection without a word; check the endpoint, the port (8883, or 443) and firewalls"
	}
	return ""
}

func (s *setup) hintConnack(code connackError) string {
	switch code {
	case 5, 7:
		return fmt.Sprintf("the policy of the device's certificate must allow iot:Connect on client/%s", s.ClientID)
	case 2:
		return fmt.Sprintf("the broker does not take %q for a client id", s.ClientID)
	}
	return ""
}

// hintSilent is for AWS IoT's way of refusing a certificate or a policy: it
// closes the connection without a word.
func (s *setup) hintSilent(now time.Time) string {
	if h := s.hintOwnExpiry(now); h != "" {
		return h
	}
	return fmt.Sprintf("closed without an answer, as AWS IoT does when the certificate %q is not registered, not ACTIVE, "+
		"or its policy does not allow iot:Connect on client/%s", s.Cert, s.ClientID)
}

// hintAlert explains what the broker says about us by a TLS alert.
func (s *setup) hintAlert(alert string, now time.Time) string {
	switch {
	case strings.Contains(alert, "no application protocol"):
		return fmt.Sprintf("the other end does not offer %q: no AWS IoT endpoint, or a middlebox; try port 8883", alpnProtocol)
	case strings.Contains(alert, "protocol version"):
		return "the broker wants a TLS version other than 1.2 and 1.3"
	case strings.Contains(alert, "certificate"), strings.Contains(alert, "access denied"), strings.Contains(alert, "handshake failure"):
		if h := s.hintOwnExpiry(now); h != "" {
			return h
		}
		return fmt.Sprintf("the broker does not accept the device's certificate %q: is it the one registered there, and active?", s.Cert)
	case strings.Contains(alert, "unrecognized name"):
		return fmt.Sprintf("the broker does not go by the name %q", s.Endpoint)
	}
	return ""
}

func (s *setup) hintOwnExpiry(now time.Time) string {
	leaf := s.cert.Leaf
	if leaf == nil || s.verifyTime(now).Before(leaf.NotAfter) {
		return ""
	}
	return fmt.Sprintf("the device's certificate %q has expired on %s", s.Cert, date(leaf.NotAfter))
}

// hintVerify explains what we have against the broker's certificate.
func (s *setup) hintVerify(v *tls.CertificateVerificationError, now time.Time) string {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	switch {
	case errors.As(v, &host):
		return fmt.Sprintf("the endpoint must be the name in the broker's certificate; it holds %.200q", host.Certificate.DNSNames)
	case errors.As(v, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("the certificate of %.100q is valid from %s to %s, and this device's clock says %s",
			invalid.Cert.Subject.String(), date(invalid.Cert.NotBefore), date(invalid.Cert.NotAfter), date(now))
	case errors.As(v, &unknown) && len(v.UnverifiedCertificates) > 0:
		last := v.UnverifiedCertificates[len(v.UnverifiedCertificates)-1]
		return s.hintAuthority(last.Issuer.String())
	}
	return ""
}

func (s *setup) hintAuthority(issuer string) string {
	where := "the system's roots do not hold"
	if s.RootCA != "" {
		where = fmt.Sprintf("root-ca %q does not hold", s.RootCA)
	}
	h := fmt.Sprintf("the broker's certificate was issued by %.200q, which %s", issuer, where)
	if !strings.Contains(s.Endpoint, ".amazonaws.com") {
		return h
	}
	h += "; AWS IoT needs AmazonRootCA1.pem (and AmazonRootCA3.pem) from https://www.amazontrust.com/repository/"
	if !strings.Contains(s.Endpoint, "-ats.") {
		h += ", and the endpoint that \"aws iot describe-endpoint --endpoint-type iot:Data-ATS\" prints"
	}
	return h
}

// date goes to the second, since a wrong clock is what it has to show.
func date(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// explainLoss says what the end of a session may mean. AWS IoT closes the
// connection over what a policy forbids, and gives no reason.
func (c *Client) explainLoss(s *session, err error, lasted time.Duration) error {
	if !closedByBroker(err) {
		c.flaps = 0
		return err
	}
	err = fmt.Errorf("closed by the broker: %w", err)
	if held(lasted, s.setup.KeepAlive) {
		c.flaps = 0
		return err
	}
	c.flaps++
	if last, _ := s.oldest(); last.topic != "" {
		return fmt.Errorf("%w: it had not acknowledged %q; if this repeats, the policy lacks iot:Publish on topic/%s", err, last.topic, last.topic)
	}
	if c.flaps >= manyFlaps {
		return fmt.Errorf("%w: %d times in a row; is there another client with the id %q? Each throws the other out", err, c.flaps, s.setup.ClientID)
	}
	return err
}

// sayClock says when a clock is not believed.
func (c *Client) sayClock(s *setup) {
	now := c.now()
	if early := s.early(now); early != c.early {
		c.early = early
		if early {
			s.Log.Warnf("mqtt: the clock says %s, before this program was built; certificates are verified as of %s, or of a later day on which the broker's was issued", date(now), date(s.BuildDate))
		}
	}
}
