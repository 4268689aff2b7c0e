/** The {@code cloze} command: options, progress and plots over what the library does. */
@org.jspecify.annotations.NullMarked
module cloze.cli {
    requires cloze.core;
    requires cloze.cpu;
    requires info.picocli;
    requires java.desktop;
    requires xchart;
    requires me.tongfei.progressbar;
    requires tools.jackson.databind;
    requires static org.jspecify;

    exports cloze.cli;

    opens cloze.cli to
            info.picocli;
    opens cloze.cli.bench to
            info.picocli;
    opens cloze.cli.image to
            info.picocli;
    opens cloze.cli.text to
            info.picocli;
    opens cloze.cli.train to
            info.picocli;
}
