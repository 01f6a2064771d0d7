import classes from './composer.module.css';

/** Something that may be put into the text. */
export interface Suggestion {
  id: string;
  name: string;
  hint: string;
  insert: string;
}

/** The list above the text; the keyboard stays in the text. */
export function Suggestions(props: {
  list: Suggestion[];
  current: number;
  label: string;
  onChoose: (one: Suggestion) => void;
}) {
  if (props.list.length === 0) return null;
  return (
    <div className={classes.suggestions} role="listbox" id="suggestions" aria-label={props.label} tabIndex={-1}>
      {props.list.map((one, index) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the text has the keyboard and moves through the list
        <div
          key={one.id}
          id={`suggestion-${index}`}
          role="option"
          tabIndex={-1}
          aria-selected={index === props.current}
          className={classes.suggestion}
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => props.onChoose(one)}
        >
          <strong>{one.name}</strong> <span>{one.hint}</span>
        </div>
      ))}
    </div>
  );
}
