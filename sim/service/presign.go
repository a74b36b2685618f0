package service

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
)

var placeholder = regexp.MustCompile(`\$\{aws:iot:s3-presigned-url:(https?://[^}"\\]+)\}`)

// DeliverDocument is a job's document as a device gets it: each placeholder
// for a presigned URL becomes a URL that is fresh with every delivery. It is
// empty when the job is gone.
func (s *Service) DeliverDocument(jobID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deliverLocked(jobID)
}

func (s *Service) deliverLocked(jobID string) string {
	j := s.jobs[jobID]
	if j == nil {
		return ""
	}
	expires := time.Hour
	if p := j.PresignedURLConfig; p != nil && p.ExpiresInSec > 0 {
		expires = time.Duration(p.ExpiresInSec) * time.Second
	}
	presign := s.o.Presign
	if presign == nil {
		presign = func(u string, d time.Duration) string { return s.presignLocked(u, d) }
	}
	return placeholder.ReplaceAllStringFunc(j.Document, func(m string) string {
		return inString(presign(placeholder.FindStringSubmatch(m)[1], expires))
	})
}

// presignLocked makes a URL of the shape that S3 has; its signature is random.
func (s *Service) presignLocked(s3url string, expires time.Duration) string {
	var signature, token [32]byte
	rand.Read(signature[:])
	rand.Read(token[:])
	date := s.nowLocked().UTC().Format("20060102T150405Z")
	q := url.Values{
		"X-Amz-Algorithm":      {"AWS4-HMAC-SHA256"},
		"X-Amz-Credential":     {fmt.Sprintf("SIMULATED/%s/%s/s3/aws4_request", date[:8], s.o.Region)},
		"X-Amz-Date":           {date},
		"X-Amz-Expires":        {fmt.Sprint(int(expires.Seconds()))},
		"X-Amz-Security-Token": {fmt.Sprintf("%x", token)},
		"X-Amz-SignedHeaders":  {"host"},
		"X-Amz-Signature":      {fmt.Sprintf("%x", signature)},
	}
	sep := "?"
	if strings.Contains(s3url, "?") {
		sep = "&"
	}
	return s3url + sep + q.Encode()
}

// inString escapes text for the inside of a JSON string.
func inString(s string) string {
	quoted := encode(s)
	return string(quoted[1 : len(quoted)-1])
}
