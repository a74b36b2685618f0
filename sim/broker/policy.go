package broker

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

//go:embed policies/*.json
var policies embed.FS

// Policy is an AWS IoT policy: what a certificate's holder may do.
type Policy struct {
	Statements []Statement

	// RefuseBySuback answers a forbidden SUBSCRIBE with the return code 0x80
	// instead of ending the connection.
	RefuseBySuback bool
}

// Statement allows or denies actions on resources.
type Statement struct {
	Effect   string    // Allow or Deny
	Action   oneOrMore // iot:Connect, iot:Publish, iot:Subscribe, iot:Receive, iot:RetainPublish; * as wildcard
	Resource oneOrMore // ARNs, with * and ? as wildcards and policy variables
}

// oneOrMore is one string or a list of them, as AWS writes both.
type oneOrMore []string

// UnmarshalJSON reads either form.
func (s *oneOrMore) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*s = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(s))
}

// Minimal is the policy that the AWS IoT Device Client's Jobs documentation
// recommends: start-next, updates, and notify-next, for the thing's own topics.
func Minimal() *Policy { return embedded("minimal") }

// AllJobs is Minimal and the rest of the Jobs topics (get, notify), for clients
// that use them, under any client id.
func AllJobs() *Policy { return embedded("jobs") }

func embedded(name string) *Policy {
	data, err := policies.ReadFile("policies/" + name + ".json")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	p, err := ParsePolicy(data)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return p
}

// ParsePolicy reads an AWS IoT policy document.
func ParsePolicy(data []byte) (*Policy, error) {
	var doc struct {
		Version   string
		Statement []Statement
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	for i, s := range doc.Statement {
		if s.Effect != "Allow" && s.Effect != "Deny" {
			return nil, fmt.Errorf("policy statement %d: effect: want Allow or Deny, got %q", i, s.Effect)
		}
		for _, r := range s.Resource {
			if r != "*" && strings.Count(r, ":") < 5 {
				return nil, fmt.Errorf("policy statement %d: resource %q is not arn:aws:iot:REGION:ACCOUNT:TYPE/NAME", i, r)
			}
		}
	}
	return &Policy{Statements: doc.Statement}, nil
}

// Allow adds a statement that allows an action on resources such as
// "topic/$aws/things/t/jobs/get".
func (p *Policy) Allow(action string, resources ...string) *Policy {
	s := Statement{Effect: "Allow", Action: oneOrMore{action}}
	for _, r := range resources {
		s.Resource = append(s.Resource, "arn:aws:iot:us-west-2:123456789012:"+r)
	}
	p.Statements = append(p.Statements, s)
	return p
}

// Deny adds a statement that denies an action on resources; it wins over any
// Allow.
func (p *Policy) Deny(action string, resources ...string) *Policy {
	p.Allow(action, resources...)
	p.Statements[len(p.Statements)-1].Effect = "Deny"
	return p
}

// Identity is what policy variables stand for.
type Identity struct {
	Thing    string // the certificate's common name
	ClientID string
}

// Allows says whether an action on a resource ("topic/a/b") is allowed.
func (p *Policy) Allows(who Identity, action, resource string) bool {
	allowed := false
	for _, s := range p.Statements {
		if !s.matches(who, action, resource) {
			continue
		}
		if s.Effect == "Deny" {
			return false
		}
		allowed = true
	}
	return allowed
}

func (s Statement) matches(who Identity, action, resource string) bool {
	if !slices.ContainsFunc(s.Action, func(pattern string) bool { return glob(pattern, action, Identity{}) }) {
		return false
	}
	return slices.ContainsFunc(s.Resource, func(arn string) bool {
		if arn == "*" {
			return true
		}
		return glob(strings.SplitN(arn, ":", 6)[5], resource, who)
	})
}

// glob matches with * for any characters and ? for one. Policy variables are
// put in afterwards, so that a wildcard in a name is no wildcard.
func glob(pattern, name string, who Identity) bool {
	if pattern == "" {
		return name == ""
	}
	if rest, value, ok := variable(pattern, who); ok {
		// A variable that stands for nothing matches nothing, as at AWS.
		return value != "" && strings.HasPrefix(name, value) && glob(rest, name[len(value):], who)
	}
	switch {
	case pattern[0] == '*':
		for i := 0; i <= len(name); i++ {
			if glob(pattern[1:], name[i:], who) {
				return true
			}
		}
		return false
	case name == "":
		return false
	case pattern[0] == '?', pattern[0] == name[0]:
		return glob(pattern[1:], name[1:], who)
	}
	return false
}

// variable takes a policy variable off a pattern's start.
func variable(pattern string, who Identity) (rest, value string, ok bool) {
	for name, value := range map[string]string{
		"${iot:Connection.Thing.ThingName}":     who.Thing,
		"${iot:Certificate.Subject.CommonName}": who.Thing,
		"${iot:ClientId}":                       who.ClientID,
	} {
		if rest, ok := strings.CutPrefix(pattern, name); ok {
			return rest, value, true
		}
	}
	return "", "", false
}
