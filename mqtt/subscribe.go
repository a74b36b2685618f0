package mqtt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

const (
	// maxFilters is AWS IoT's limit of topic filters in one SUBSCRIBE.
	maxFilters = 8
	// subackTimeout is how long SUBACK may take.
	subackTimeout = 30 * time.Second
	// subackRefused is a refusal in SUBACK (MQTT 3.1.1, section 3.9.3), which paho takes for success.
	subackRefused = 0x80
	// maxStrikes is how often a broker may close the connection over the same
	// filter before it is left out until the slow retry.
	maxStrikes = 2
)

// subscriptions remembers across connections what the broker would not have.
// AWS IoT refuses some filters in SUBACK, and closes the connection over others;
// then they are asked for one at a time, until it is known which.
type subscriptions struct {
	oneByOne bool
	strikes  map[string]int  // connections that ended over this filter alone
	refused  map[string]bool // said in the log
}

// subscribe asks for all filters, 8 at a time. Those that it comes back
// without are missing; an error means that the connection is of no use.
func (u *subscriptions) subscribe(ctx context.Context, s *session, filters []string) (missing []string, err error) {
	var ask []string
	for _, f := range filters {
		if u.strikes[f] >= maxStrikes {
			missing = append(missing, f)
		} else {
			ask = append(ask, f)
		}
	}
	size := maxFilters
	if u.oneByOne {
		size = 1
	}
	for chunk := range slices.Chunk(ask, size) {
		refused, err := u.request(ctx, s, chunk)
		if err != nil {
			return nil, err
		}
		missing = append(missing, refused...)
	}
	return missing, nil
}

// retry asks again for what is missing, one at a time.
func (u *subscriptions) retry(ctx context.Context, s *session, missing []string) (left []string, err error) {
	for i, f := range missing {
		refused, err := u.request(ctx, s, []string{f})
		if err != nil {
			return append(left, missing[i:]...), err
		}
		left = append(left, refused...)
	}
	return left, nil
}

func (u *subscriptions) request(ctx context.Context, s *session, filters []string) (refused []string, err error) {
	results, err := s.subscribe(ctx, filters)
	if err != nil {
		return nil, u.blame(filters, err)
	}
	for _, f := range filters {
		code, ok := results[f]
		if ok && code != subackRefused {
			u.granted(s, f)
			continue
		}
		refused = append(refused, f)
		u.say(s, f, "refused by the broker")
	}
	return refused, nil
}

// blame draws the conclusion from a connection that ended over a SUBSCRIBE.
func (u *subscriptions) blame(filters []string, err error) error {
	if !closedByBroker(err) {
		return err
	}
	if len(filters) > 1 {
		u.oneByOne = true
		return fmt.Errorf("closed by the broker on SUBSCRIBE; asking for one topic at a time to find which: %w", err)
	}
	if u.strikes == nil {
		u.strikes = make(map[string]int)
	}
	f := filters[0]
	u.strikes[f]++
	next := "trying it once more"
	if u.strikes[f] >= maxStrikes {
		next = "going on without it"
	}
	return fmt.Errorf("closed by the broker on SUBSCRIBE to %q; %s; %s: %w", f, needs(f), next, err)
}

func (u *subscriptions) granted(s *session, f string) {
	delete(u.strikes, f)
	if u.refused[f] {
		delete(u.refused, f)
		s.setup.Log.Infof("mqtt: subscription to %q granted now", f)
	}
}

func (u *subscriptions) say(s *session, f, what string) {
	if u.refused[f] {
		return
	}
	if u.refused == nil {
		u.refused = make(map[string]bool)
	}
	u.refused[f] = true
	s.setup.Log.Warnf("mqtt: subscription to %q %s; %s; going on without it", f, what, needs(f))
}

// needs names the policy actions and resources as they stand in a policy
// (AWS IoT developer guide, "Policy actions" and "Action resources").
func needs(filter string) string {
	topic := strings.NewReplacer("+", "*", "#", "*").Replace(filter)
	return fmt.Sprintf("the policy must allow iot:Subscribe on topicfilter/%s and iot:Receive on topic/%s", filter, topic)
}

// subscribe sends one SUBSCRIBE and returns its SUBACK's code for each filter.
func (s *session) subscribe(ctx context.Context, filters []string) (map[string]byte, error) {
	s.guard.subacks.Store(int32(len(filters)))
	defer s.guard.subacks.Store(0)
	want := make(map[string]byte, len(filters))
	for _, f := range filters {
		want[f] = 1
	}
	timer := time.NewTimer(subackTimeout)
	defer timer.Stop()
	// paho may block here for as long as a write may take.
	asked := make(chan paho.Token, 1)
	go func() { asked <- s.client.SubscribeMultiple(want, nil) }()
	var token paho.Token
	var done <-chan struct{}
	for {
		select {
		case token = <-asked:
			done = token.Done()
		case <-done:
			return s.subscribed(token)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-s.guard.done:
			return nil, s.ended()
		case <-timer.C:
			return nil, fmt.Errorf("no SUBACK in %v", subackTimeout)
		}
	}
}

func (s *session) subscribed(token paho.Token) (map[string]byte, error) {
	err := token.Error()
	if err == nil {
		return token.(*paho.SubscribeToken).Result(), nil
	}
	select {
	case <-s.guard.done:
		return nil, s.ended()
	case <-time.After(time.Second): // the connection's own reason, if there is one, says more
		return nil, errors.Join(errors.New("SUBSCRIBE"), err)
	}
}
