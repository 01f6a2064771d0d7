export const attachmentURL = (ticket: string, attachment: string): string =>
  `/api/v1/tickets/${ticket}/attachments/${attachment}`;
