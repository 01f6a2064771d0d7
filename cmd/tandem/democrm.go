package main

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"tandem/crm"
)

// demoCustomer is a customer of the demo's shop, whom it knows by the number, with a ticket.
type demoCustomer struct {
	first, last, number, email, company, place, country string
	tags                                                []string
	ticket                                              demoTicket
}

type demoTicket struct {
	title    string
	kind     crm.Type
	priority crm.Priority
	status   crm.Status
	assignee string
	note     string
}

var demoCustomers = []demoCustomer{
	{
		"Amelia", "Thorne", "+19075550121", "amelia.thorne@example.com", "", "Juneau", "US",
		[]string{"vip"},
		demoTicket{"Tent pole broke on the first night", crm.Refund, crm.High, crm.InProgress, "agent1@demo.test", "Sent a picture of the pole; a new one is on its way, she keeps the tent."},
	},
	{
		"Jonas", "Bergmann", "+493023125091", "jonas.bergmann@example.com", "Alpenverein Pankow", "Berlin", "DE",
		[]string{"club", "wholesale"},
		demoTicket{"Invoice for 40 sleeping mats is in the old club's name", crm.Billing, crm.Medium, crm.OnHold, "agent1@demo.test", "Waits for the register's extract."},
	},
	{
		"小明", "李", "+861065550143", "li.xiaoming@example.com", "", "北京", "CN",
		[]string{"vip"},
		demoTicket{"帐篷拉链坏了，想换一个", crm.General, crm.Medium, crm.ToDo, "agent2@demo.test", ""},
	},
	{
		"Priya", "Raman", "+442079460157", "priya.raman@example.com", "", "Leeds", "GB", nil,
		demoTicket{"The size chart for boots shows EU sizes only", crm.Bug, crm.Low, crm.ToDo, "", ""},
	},
	{
		"Mateo", "Vidal", "+12025550168", "mateo.vidal@example.com", "Sierra Guides", "Washington", "US",
		[]string{"wholesale"},
		demoTicket{"Larkspur 3 in green, please", crm.FeatureRequest, crm.Low, crm.Resolved, "agent2@demo.test", "Green comes in spring; he is on the list."},
	},
}

// fillCRM makes customers with tickets, so that no page of the CRM is empty.
func (d *demo) fillCRM(ctx context.Context) error {
	for _, one := range demoCustomers {
		c, err := d.crm.FindCaller(ctx, d.tenant, one.number)
		if err == nil && c.ID == uuid.Nil {
			c, err = d.crm.CreateContact(ctx, d.tenant, crm.ContactChange{
				FirstName: &one.first, LastName: &one.last, Phone: &one.number, Email: &one.email, Company: &one.company, Location: &one.place, Country: &one.country, Tags: &one.tags,
			})
		}
		if err != nil {
			return fmt.Errorf("make a customer: %w", err)
		}
		p, err := d.crm.Tickets(ctx, d.tenant, crm.TicketFilter{Contact: c.ID, Limit: 1})
		if err == nil && len(p.Items) == 0 {
			err = d.addTicket(ctx, c.ID, one.ticket)
		}
		if err != nil {
			return fmt.Errorf("make a ticket: %w", err)
		}
	}
	return nil
}

func (d *demo) addTicket(ctx context.Context, contact uuid.UUID, t demoTicket) error {
	n := crm.NewTicket{Title: t.title, Type: t.kind, Priority: t.priority, Contact: &contact}
	if id := d.users[t.assignee]; id != uuid.Nil {
		n.Assignee = &id
	}
	made, err := d.crm.CreateTicket(ctx, d.tenant, n)
	if err == nil && t.note != "" {
		_, err = d.crm.AddNote(ctx, d.tenant, made.ID, t.note, "")
	}
	if err == nil && t.status != crm.ToDo {
		_, err = d.crm.ChangeTicket(ctx, d.tenant, made.ID, crm.TicketChange{Status: &t.status})
	}
	return err
}
