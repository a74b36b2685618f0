package rest

import (
	"net/http"

	"jobbox/sim/service"
)

type thingBody struct {
	ThingName       string            `json:"thingName"`
	ThingID         string            `json:"thingId,omitempty"`
	ThingARN        string            `json:"thingArn"`
	ThingTypeName   string            `json:"thingTypeName,omitempty"`
	DefaultClientID string            `json:"defaultClientId,omitempty"`
	Attributes      map[string]string `json:"attributes"`
	Version         int64             `json:"version"`
}

func (a *api) createThing(r *http.Request) (any, error) {
	var in struct {
		ThingTypeName    string `json:"thingTypeName"`
		AttributePayload struct {
			Attributes map[string]string `json:"attributes"`
		} `json:"attributePayload"`
	}
	if err := read(r, &in); err != nil {
		return nil, err
	}
	t, err := a.s.CreateThing(r.PathValue("thing"), in.ThingTypeName, in.AttributePayload.Attributes)
	if err != nil {
		return nil, err
	}
	return map[string]string{"thingName": t.Name, "thingArn": a.s.ARN("thing", t.Name), "thingId": t.ID}, nil
}

func (a *api) describeThing(r *http.Request) (any, error) {
	t, err := a.s.DescribeThing(r.PathValue("thing"))
	if err != nil {
		return nil, err
	}
	body := a.thing(t)
	body.ThingID, body.DefaultClientID = t.ID, t.Name
	return body, nil
}

func (a *api) thing(t service.Thing) thingBody {
	attributes := t.Attributes
	if attributes == nil {
		attributes = map[string]string{}
	}
	return thingBody{ThingName: t.Name, ThingARN: a.s.ARN("thing", t.Name), ThingTypeName: t.Type, Attributes: attributes, Version: t.Version}
}

func (a *api) listThings(r *http.Request) (any, error) {
	all := matching(r, "thingTypeName", a.s.ListThings(), func(t service.Thing) string { return t.Type })
	all, next, err := page(r, all)
	if err != nil {
		return nil, err
	}
	things := []thingBody{}
	for _, t := range all {
		things = append(things, a.thing(t))
	}
	return struct {
		Things    []thingBody `json:"things"`
		NextToken string      `json:"nextToken,omitempty"`
	}{things, next}, nil
}

func (a *api) deleteThing(r *http.Request) (any, error) {
	return nil, a.s.DeleteThing(r.PathValue("thing"))
}

func (a *api) describeEndpoint(r *http.Request) (any, error) {
	kind := r.URL.Query().Get("endpointType")
	if kind == "" {
		kind = "iot:Data" // what AWS answers to a request without a type
	}
	address := a.endpoint(kind)
	if address == "" {
		return nil, badRequest("Endpoint type " + kind + " is not supported")
	}
	return map[string]string{"endpointAddress": address}, nil
}
