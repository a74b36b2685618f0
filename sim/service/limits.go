package service

import (
	"regexp"
	"unicode"
	"unicode/utf8"
)

// Limits of AWS IoT Jobs (service models, general reference).
const (
	maxDocument     = 32768 // bytes
	maxDetails      = 10    // pairs
	maxDetailKey    = 128   // characters
	maxDetailValue  = 1024  // characters
	maxTimeout      = 10080 // minutes, 7 days
	maxRetries      = 10
	maxNotifyJobs   = 10  // executions in one jobs/notify message
	maxParamValue   = 512 // characters
	maxRequestBytes = 128 << 10
)

var (
	jobIDPattern  = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)
	thingPattern  = regexp.MustCompile(`^[a-zA-Z0-9:_-]{1,128}$`)
	keyPattern    = regexp.MustCompile(`^[a-zA-Z0-9:_-]{1,128}$`)
	tokenPattern  = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)
	paramPattern  = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)
	targetPattern = regexp.MustCompile(`^arn:aws[a-z-]*:iot:[a-z0-9-]*:[a-zA-Z0-9]*:(thing|thinggroup)/(.+)$`)
)

// violates words a broken constraint as AWS does. Long values are cut: they
// came from outside and go into a message.
func violates(value, at, constraint string) *Error {
	const max = 100
	if len(value) > max {
		value = value[:max] + "..."
	}
	return invalid("1 validation error detected: Value %q at '%s' failed to satisfy constraint: %s", value, at, constraint)
}

func checkPattern(re *regexp.Regexp, value, at string) error {
	if re.MatchString(value) {
		return nil
	}
	return violates(value, at, "Member must satisfy regular expression pattern: "+re.String())
}

// checkDetails holds status details to their limits. The documented pattern of
// values is [^\p{C}]+, yet newlines have always passed: so control characters
// are refused only when strict.
func checkDetails(details map[string]string, strict bool) error {
	if len(details) > maxDetails {
		return invalid("statusDetails holds %d name/value pairs; at most %d are allowed", len(details), maxDetails)
	}
	for k, v := range details {
		if err := checkPattern(keyPattern, k, "statusDetails"); err != nil {
			return err
		}
		if err := checkDetailValue(k, v, strict); err != nil {
			return err
		}
	}
	return nil
}

func checkDetailValue(key, v string, strict bool) error {
	at := "statusDetails." + key
	switch n := utf8.RuneCountInString(v); {
	case n < 1:
		return violates(v, at, "Member must have length greater than or equal to 1")
	case n > maxDetailValue:
		return violates(v, at, "Member must have length less than or equal to 1024")
	case strict && hasOther(v):
		return violates(v, at, `Member must satisfy regular expression pattern: [^\p{C}]+`)
	}
	return nil
}

// hasOther finds characters of \p{C}: control, format, surrogate, private use
// and, since unicode.C leaves it out, unassigned.
func hasOther(s string) bool {
	for _, r := range s {
		if unicode.Is(unicode.C, r) || !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z) {
			return true
		}
	}
	return false
}

func checkMinutes(n int64, at string) error {
	if n < 1 || n > maxTimeout {
		return invalid("%s must be between 1 and %d minutes, got %d", at, maxTimeout, n)
	}
	return nil
}
