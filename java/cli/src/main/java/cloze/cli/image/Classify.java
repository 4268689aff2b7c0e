package cloze.cli.image;

import cloze.backend.Backend;
import cloze.cli.DeviceOptions;
import cloze.cli.Subcommand;
import cloze.image.ImageCodec;
import cloze.image.Picture;
import cloze.serve.ImageClassifier;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code cloze classify}. */
@Command(
        name = "classify",
        description = "Classifies images with a classifier of cloze finetune: the likeliest classes first.",
        footerHeading = "%nExample:%n",
        footer = "  cloze classify --run runs/finetuned cat.jpg dog.png")
public final class Classify extends Subcommand {
    @Option(names = "--run", paramLabel = "DIR", required = true, description = "Folder of a run of cloze finetune.")
    private Path run = Path.of("");

    @Option(
            names = "--top",
            paramLabel = "N",
            defaultValue = "3",
            description = "Classes to print for each image (default: ${DEFAULT-VALUE}).")
    private int top;

    @Parameters(arity = "1..*", paramLabel = "IMAGE", description = "Images of any format that is read.")
    private List<Path> images = List.of();

    @Mixin
    private final DeviceOptions device = new DeviceOptions();

    @Option(names = "--json", description = "Print the result as JSON.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        if (top < 1) {
            throw wrongUsage("--top must be 1 or more, but it is " + top);
        }
        ImageCodec codec = ImageCodec.installed();
        List<Picture> pictures = new ArrayList<>();
        for (Path image : images) {
            pictures.add(codec.decode(image.toString(), Files.readAllBytes(image)));
        }
        try (Backend backend = device.open();
                ImageClassifier classifier = ImageClassifier.load(run, backend)) {
            List<List<ImageClassifier.Guess>> guesses = classifier.classify(pictures, top);
            if (json) {
                List<Map<String, Object>> facts = new ArrayList<>();
                for (int i = 0; i < guesses.size(); i++) {
                    facts.add(Map.of("image", images.get(i).toString(), "guesses", guesses.get(i)));
                }
                printJson(facts);
            } else {
                for (int i = 0; i < guesses.size(); i++) {
                    out().println(images.get(i) + ": " + line(guesses.get(i)));
                }
            }
        }
        out().flush();
        return 0;
    }

    private static String line(List<ImageClassifier.Guess> guesses) {
        return guesses.stream()
                .map(guess -> String.format(Locale.ROOT, "%s %.1f %%", guess.name(), 100 * guess.probability()))
                .collect(Collectors.joining(", "));
    }
}
