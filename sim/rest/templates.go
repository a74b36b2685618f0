package rest

import (
	"net/http"

	"jobbox/sim/service"
)

// environments is where managed templates run, as AWS lists them.
var environments = []string{"LINUX"}

type templateBody struct {
	TemplateName    string          `json:"templateName"`
	TemplateARN     string          `json:"templateArn"`
	Description     string          `json:"description"`
	TemplateVersion string          `json:"templateVersion"`
	Environments    []string        `json:"environments"`
	Parameters      []parameterBody `json:"documentParameters,omitempty"`
	Document        string          `json:"document,omitempty"`
}

type parameterBody struct {
	Key         string `json:"key"`
	Description string `json:"description"`
	Regex       string `json:"regex"`
	Example     string `json:"example"`
	Optional    bool   `json:"optional"`
}

func (a *api) template(t service.Template) templateBody {
	return templateBody{TemplateName: t.Name, TemplateARN: a.s.TemplateARN(t), Description: t.Description, TemplateVersion: t.Version, Environments: environments}
}

func (a *api) describeTemplate(r *http.Request) (any, error) {
	t, err := service.FindTemplate(r.PathValue("template"))
	if err != nil {
		return nil, err
	}
	if v := r.URL.Query().Get("templateVersion"); v != "" && v != t.Version {
		return nil, &httpError{http.StatusNotFound, "ResourceNotFoundException", "Managed job template " + t.Name + " has no version " + v}
	}
	body := a.template(t)
	body.Document = t.Document
	for _, p := range t.Parameters {
		body.Parameters = append(body.Parameters, parameterBody(p))
	}
	return body, nil
}

func (a *api) listTemplates(r *http.Request) (any, error) {
	all := matching(r, "templateName", service.Templates(), func(t service.Template) string { return t.Name })
	all, next, err := page(r, all)
	if err != nil {
		return nil, err
	}
	summaries := []templateBody{}
	for _, t := range all {
		summaries = append(summaries, a.template(t))
	}
	return struct {
		Templates []templateBody `json:"managedJobTemplates"`
		NextToken string         `json:"nextToken,omitempty"`
	}{summaries, next}, nil
}
