package cloud

import (
	"crypto/tls"
	"fmt"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"jobbox/sim/service"
)

const attachTimeout = time.Minute // for each exchange with the broker

// Attached is the Jobs service as an ordinary client of a broker. Unlike AWS
// it can only publish its answers, so a device gets what it subscribes to.
type Attached struct {
	client mqtt.Client
}

// Attach joins a Jobs service to a stock broker ("ssl://host:port"). The
// broker must let config's certificate subscribe and publish everywhere below
// $aws/things/.
func Attach(brokerURL string, config *tls.Config, s *service.Service) (*Attached, error) {
	o := mqtt.NewClientOptions().AddBroker(brokerURL).SetTLSConfig(config).SetClientID("jobs-service").
		SetProtocolVersion(4).SetCleanSession(false).SetOrderMatters(true).SetAutoReconnect(true).
		SetMaxReconnectInterval(time.Second).SetWriteTimeout(attachTimeout)
	a := &Attached{}
	publish := func(topic string, payload []byte) { a.client.Publish(topic, 1, false, payload) }
	serve := func(_ mqtt.Client, m mqtt.Message) {
		s.Serve(m.Topic(), m.Payload(), func(answer service.Message) { publish(answer.Topic, answer.Payload) })
	}
	subscribed := make(chan error, 1)
	o.SetOnConnectHandler(func(c mqtt.Client) {
		err := subscribe(c, serve)
		select {
		case subscribed <- err:
		default:
		}
	})
	a.client = mqtt.NewClient(o)
	if err := wait(a.client.Connect()); err != nil {
		return nil, fmt.Errorf("attach the Jobs service to %s: %w", brokerURL, err)
	}
	if err := <-subscribed; err != nil {
		a.Close()
		return nil, fmt.Errorf("attach the Jobs service to %s: %w", brokerURL, err)
	}
	s.OnNotify(func(m service.Message) { publish(m.Topic, m.Payload) })
	return a, nil
}

// subscribe asks for the requests only: what the service says would come back
// to it otherwise.
func subscribe(c mqtt.Client, serve mqtt.MessageHandler) error {
	for _, request := range []string{"start-next", "get", "+/update", "+/get"} {
		filter := "$aws/things/+/jobs/" + request
		token := c.Subscribe(filter, 1, serve)
		if err := wait(token); err != nil {
			return fmt.Errorf("subscribe to %s: %w", filter, err)
		}
		if token.(*mqtt.SubscribeToken).Result()[filter] == 0x80 {
			return fmt.Errorf("subscribe to %s: refused by the broker", filter)
		}
	}
	return nil
}

func wait(t mqtt.Token) error {
	if !t.WaitTimeout(attachTimeout) {
		return fmt.Errorf("no answer in %v", attachTimeout)
	}
	return t.Error()
}

// Close takes the service off the broker.
func (a *Attached) Close() { a.client.Disconnect(250) }
