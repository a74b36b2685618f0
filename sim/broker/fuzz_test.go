package broker

import (
	"strings"
	"testing"
)

// A filter without wildcards covers itself and nothing else; "#" covers all
// but what begins with a dollar sign.
func FuzzMatches(f *testing.F) {
	f.Add("a/b", "a/b/c")
	f.Add("a/+/c", "a/b/c")
	f.Add("$aws/#", "$aws/things")
	f.Add("a/#/b", "")
	f.Fuzz(func(t *testing.T, filter, topic string) {
		got := matches(filter, topic)
		if !strings.ContainsAny(filter, "+#") && got != (filter == topic) {
			t.Errorf("matches(%q, %q) = %v", filter, topic, got)
		}
		if validFilter(filter) && !strings.ContainsAny(topic, "+#") && got && !matches("#", topic) && !strings.HasPrefix(topic, "$") {
			t.Errorf("# does not cover %q, which %q does", topic, filter)
		}
	})
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(`{"Statement":[{"Effect":"Allow","Action":["iot:*"],"Resource":"arn:aws:iot:r:a:topic/*"}]}`))
	f.Add([]byte(`{"Statement":[{"Effect":"Deny","Action":"iot:Publish","Resource":["*"]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParsePolicy(data)
		if err != nil || strings.Count(string(data), "*") > 8 { // our matching is slow for very many wildcards
			return
		}
		who := Identity{Thing: "me", ClientID: "me"}
		if p.Allows(who, "iot:Publish", "topic/a") && p.Deny("iot:*", "*").Allows(who, "iot:Publish", "topic/a") {
			t.Errorf("policy %q allows what is denied", data)
		}
	})
}
