import { type Intent, splitPhrases } from "./intent.ts";

/** Intents about time: timers, alarms, events and reminders. */
export const timeIntents: readonly Intent[] = [
  {
    tool: "set_timer",
    slots: { minutes: "minutes" },
    requests: splitPhrases({
      train: `
      set a timer for {minutes} minutes
      set the timer to {minutes} minutes
      start a {minutes} minute timer
      start a timer of {minutes} minutes
      start the countdown for {minutes} minutes
      count down {minutes} minutes
      count down from {minutes} minutes
      begin a {minutes} minute countdown
      run a timer for {minutes} minutes
      give me a timer of {minutes} minutes
      put {minutes} minutes on the timer
      make the timer {minutes} minutes long
      i need a {minutes} minute timer
      i want a timer that runs {minutes} minutes
      create a countdown of {minutes} minutes
      time {minutes} minutes
      set up a {minutes} minute timer for the oven
      let the timer run for {minutes} minutes
      a timer of {minutes} minutes would be great
      new timer, {minutes} minutes
      timer for {minutes} minutes
      my tea needs a timer for {minutes} minutes
      beep when {minutes} minutes are over
      tell me when {minutes} minutes have passed
      i am cooking, start a timer for {minutes} minutes
      the eggs need {minutes} minutes on the timer`,
      test: `
      begin a timer that is {minutes} minutes long
      create a {minutes} minute timer
      i need the countdown to run for {minutes} minutes
      a countdown of {minutes} minutes
      give me {minutes} minutes on the timer
      set up a countdown for {minutes} minutes
      my tea needs {minutes} minutes, start a timer`,
    }),
    missing: {
      requests: splitPhrases({
        train: `
        set a timer
        start a timer
        start the countdown
        i need a timer
        begin a countdown
        give me a timer
        create a timer
        set up a timer for the oven
        i need a countdown
        start a timer for me
        set a countdown
        make a timer
        begin a timer
        set up a timer
        start the timer
        create a countdown
          (set|start|begin|create|make|run|set up|give me|add|put on) (a|the|my|another|a new) (timer|countdown)( please| for me| now|)
          (i need|i want|i would like|i have to set|we need) (a|the|another) (timer|countdown)( now| for the oven| for my tea|)
          (can i have|let us start|time for) a (timer|countdown)
          (time|count down)( something| it| this)`,
        test: `
        i want a timer
        set up a countdown
        run a timer`,
      }),
      questions: ["For how many minutes should the timer run?", "How many minutes should I set?"],
    },
    leadIns: ["let me start that timer", "I will set the timer now", "the timer is on its way"],
    answers: ["Your timer ends at {ends}.", "Done, the timer ends at {ends}.", "The timer rings at {ends}."],
  },
  {
    tool: "set_alarm",
    slots: { time: "time" },
    requests: splitPhrases({
      train: `
      set an alarm for {time}
      set my alarm to {time}
      wake me at {time}
      wake me up at {time}
      wake me up tomorrow at {time}
      put an alarm at {time}
      create an alarm for {time}
      make an alarm for {time}
      i need an alarm at {time}
      i want to wake up at {time}
      i have to wake up at {time}
      give me an alarm at {time}
      ring the alarm at {time}
      let the alarm ring at {time}
      the alarm should ring at {time}
      my alarm should go off at {time}
      have the alarm go off at {time}
      add an alarm for {time}
      new alarm at {time}
      alarm at {time}
      get me up at {time}
      i must be up at {time}, set an alarm
      switch on the alarm for {time}
      set the morning alarm for {time}
      program the alarm clock for {time}
      set the alarm clock to {time}`,
      test: `
      create a new alarm for {time}
      i need to wake up at {time}
      have my alarm ring at {time}
      add a morning alarm at {time}
      wake me tomorrow at {time}
      make the alarm go off at {time}
      put the alarm clock at {time}`,
    }),
    missing: {
      requests: splitPhrases({
        train: `
        set an alarm
        wake me up
        wake me up tomorrow
        i need an alarm
        create an alarm
        set my alarm clock
        add an alarm
        put an alarm
        i want an alarm
        set the alarm
        set up an alarm
        wake me
        wake me up early
        add a new alarm
        i need to be woken up
        set an alarm for the morning
          (set|create|add|put|make|give me|set up|start|program) (an|the|my|another|a new) alarm( clock|)( please| for me| for tomorrow| for the morning|)
          (wake|get) me up( early| tomorrow| in the morning| please|)
          (i need|i want|i would like) (an|the|another) alarm( tomorrow| in the morning|)
          (i need|i want|i have) to wake up( early| tomorrow|)`,
        test: `
        make an alarm
        give me an alarm
        set the morning alarm`,
      }),
      questions: ["At what time should the alarm ring?", "For what time should I set the alarm?"],
    },
    leadIns: ["let me set that alarm", "I will put the alarm in now", "your alarm comes right up"],
    answers: ["Your alarm is number {alarm}.", "Done, that is alarm {alarm}.", "Alarm {alarm} is set."],
  },
  {
    tool: "create_event",
    slots: { title: "title", day: "weekday", time: "time" },
    requests: splitPhrases({
      train: `
      add {title} to my calendar on {day}
      add {title} to the calendar for {day}
      put {title} in my calendar on {day}
      put {title} on my calendar for {day} at {time}
      put {title} on the calendar on {day}
      schedule {title} on {day}
      schedule {title} for {day}
      schedule {title} for {day} at {time}
      schedule {title} on {day} at {time}
      book {title} on {day} at {time}
      book {title} in my calendar for {day}
      create an event called {title} on {day}
      create an event {title} on {day} at {time}
      make an event called {title} for {day}
      make a calendar entry for {title} on {day}
      new event {title} on {day}
      new calendar event {title} on {day} at {time}
      plan {title} for {day}
      plan {title} on {day} in my calendar
      enter {title} in my calendar on {day}
      on {day} i have {title}, add it to the calendar
      i have {title} on {day}, put it in my calendar
      calendar entry {title} for {day}
      set up {title} on {day} in the calendar
      block {day} in my calendar for {title}
      reserve {day} at {time} for {title} in my calendar`,
      test: `
      make a calendar event called {title} on {day}
      enter {title} in the calendar for {day}
      i have {title} on {day}, add it to my calendar
      create a calendar entry for {title} on {day}
      plan {title} on {day} at {time} in the calendar
      add an event called {title} for {day}
      on {day} i have {title}, put it on my calendar`,
    }),
    missing: {
      requests: splitPhrases({
        train: `
        create an event
        add something to my calendar
        make a calendar entry
        schedule an event
        put an event in my calendar
        add an event to the calendar
        i need a new calendar event
        create an event on {day}
        add an event on {day}
        schedule something
        plan an event
        plan something on {day}
        put something in the calendar on {day}
        make an event on {day}
        add a calendar event
        i want to schedule an event
        put an event on {day}
          (create|add|make|schedule|plan|put|enter|set up) (an event|a new event|something|an entry)( in my calendar| on my calendar| in the calendar| to my calendar| on {day}| for {day}| at {time}|)
          (i need|i want|i would like) (to create|to plan|to schedule|to add) (an event|something)( on {day}| at {time}|)
          (i need|i want) (an event|a new event|a calendar event)( on {day}|)
          (block|book|reserve) (my calendar|some time)( on {day}|)`,
        test: `
        make an event
        create a calendar entry
        put something on my calendar`,
      }),
      questions: [
        "What is the event called, and on which day is it?",
        "Which event should I add, and on what day?",
      ],
    },
    leadIns: ["let me add that event", "I will put it in the calendar", "the calendar is open now"],
    answers: [
      "Event {event} is in your calendar.",
      "Done, that is event {event}.",
      "It is saved as event {event}.",
    ],
  },
  {
    tool: "add_reminder",
    slots: { text: "task", time: "time" },
    requests: splitPhrases({
      train: `
      remind me at {time} to {text}
      remind me to {text} at {time}
      remind me about {text} at {time}
      at {time} remind me to {text}
      at {time} remind me about {text}
      set a reminder for {time} to {text}
      set a reminder to {text} at {time}
      set a reminder at {time}: {text}
      create a reminder for {time}: {text}
      create a reminder to {text} at {time}
      add a reminder to {text} at {time}
      add a reminder at {time}: {text}
      give me a reminder at {time} to {text}
      give me a reminder about {text} at {time}
      i need a reminder at {time} to {text}
      i need a reminder to {text} at {time}
      new reminder for {time}: {text}
      new reminder at {time}, {text}
      reminder at {time}: {text}
      make a reminder to {text} at {time}
      make a reminder for {time} about {text}
      do not let me forget to {text} at {time}
      don't let me forget {text} at {time}
      i must not forget to {text} at {time}, remind me
      put a reminder at {time} to {text}
      i want to be reminded at {time} to {text}
      i would like to be reminded about {text} at {time}`,
      test: `
      create a reminder at {time} to {text}
      i need a reminder about {text} at {time}
      i want to be reminded to {text} at {time}
      make a reminder at {time}: {text}
      set a new reminder for {time} to {text}
      at {time} i want a reminder to {text}
      add a reminder for {time} about {text}`,
    }),
    missing: {
      requests: splitPhrases({
        train: `
        set a reminder
        create a reminder
        i need a reminder
        add a reminder
        remind me later
        give me a reminder
        remind me of something
        make a reminder at {time}
        remind me
        set up a reminder
        i want a reminder
        remind me at {time}
        create a reminder for {time}
        add a new reminder
        remind me about something
        set a reminder for later
          (set|create|add|make|give me|put|set up|write) (a|the|another|a new|one more) reminder( for me| please| for later| at {time}| for {time}|)
          (i need|i want|i would like) (a|another|a new) reminder( at {time}| for later|)
          remind me( please| again| soon| about it| of it| of this| tomorrow|)
          (i need|i want) to be reminded( at {time}| of something| later|)`,
        test: `
        make a reminder
        put a reminder
        i want a new reminder`,
      }),
      questions: ["What should I remind you of, and when?", "What is the reminder, and for what time?"],
    },
    leadIns: ["let me save that reminder", "I will remind you of it", "the reminder is coming up"],
    answers: [
      "Reminder {reminder} is set.",
      "Done, that is reminder {reminder}.",
      "I saved it as reminder {reminder}.",
    ],
  },
];
