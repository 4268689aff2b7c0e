package cloze.cli.train;

import cloze.backend.Backend;
import cloze.cli.Cache;
import cloze.cli.plot.LossPlot;
import cloze.eval.HeldOutImages;
import cloze.model.MaeConfig;
import cloze.recipe.MaeOptions;
import cloze.recipe.MaePretraining;
import cloze.train.RunFolder;
import cloze.train.log.MetricsLog;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code cloze pretrain mae}. */
@Command(
        name = "mae",
        sortOptions = false,
        description =
                "Trains a masked autoencoder (or SimMIM) on images, into a run folder, with pictures of what it fills"
                        + " in. Ctrl-C saves a checkpoint first; --resume goes on from it, to the same bits as a run"
                        + " that was not interrupted.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  build-scripts/data fashion-mnist && cloze pretrain mae",
            "  cloze pretrain mae --data cifar-10 --epochs 20 --run runs/cifar",
            "  cloze pretrain mae --data photos/ --preset vit-tiny-64 --raw-pixels",
            "  cloze pretrain mae --simmim --data cifar-10 --run runs/simmim",
            "  cloze pretrain mae --resume --run runs/cifar"
        })
final class PretrainMae extends TrainingCommand {
    @Mixin
    private final MaeFlags flags = new MaeFlags();

    @Option(
            names = "--run",
            paramLabel = "DIR",
            description = "Folder of the run: config, weights, checkpoints, metrics, pictures (default: runs/PRESET).")
    private @Nullable Path run;

    @Override
    public Integer call() throws IOException {
        MaeOptions options = options();
        Path path = run == null ? Path.of("runs", flags.preset()) : run;
        try (Backend backend = device().open();
                RunFolder folder = resumes() ? RunFolder.resume(path) : RunFolder.create(path);
                MaePretraining training = resumes()
                        ? MaePretraining.resume(folder, backend, Cache.folder())
                        : MaePretraining.start(folder, options, backend, Cache.folder())) {
            err().println(backend.description().replace("\n", "; "));
            err().printf(
                            "%,d images to train on, %,d held out, %d of %d patches hidden%n",
                            training.data().train().count(),
                            training.data().heldOut().count(),
                            training.model().hidden(),
                            training.model().encoder().config().patches());
            training.memory().require(backend);
            TrainingEvent.Ended ended = train(training::trainer);
            report(training, folder, ended);
        }
        return 0;
    }

    private MaeOptions options() {
        PresetNames.check(MaeConfig.presetNames(), flags.preset(), this);
        if (flags.hasBothBudgets()) {
            throw wrongUsage("--steps and --epochs exclude each other");
        }
        refuseOptionsAtResume();
        try {
            return flags.options();
        } catch (IllegalArgumentException e) {
            throw wrongUsage("pretrain mae", e);
        }
    }

    private void report(MaePretraining training, RunFolder folder, TrainingEvent.Ended ended) throws IOException {
        int left = training.unreadable().count();
        if (left > 0) {
            err().printf("%,d images could not be read and were left out%n", left);
        }
        if (ended.reason() == TrainingEvent.Reason.STOP_REQUESTED) {
            return;
        }
        List<TrainingEvent> events = MetricsLog.read(folder.metrics());
        LossPlot.tryToWrite(
                err(),
                folder.path(),
                training.options().method() == MaeOptions.Method.SIMMIM
                        ? "mean absolute error of hidden patches"
                        : "mean squared error of hidden patches",
                events,
                Map.of());
        HeldOutImages.Marks marks = training.heldOut().marks();
        boolean raw = !training.model().normalizes();
        if (json()) {
            printJson(facts(events, ended, left, raw, marks));
        } else {
            out().println(last(events));
            if (raw) {
                out().println(marks(marks));
            }
            out().printf(
                            "%s: the model, its checkpoints, metrics.jsonl, loss.png, reconstruction-%06d.png%n",
                            folder.path(), ended.step());
        }
        out().flush();
    }

    private static Map<String, Double> metrics(List<TrainingEvent> events) {
        return events.stream()
                .filter(TrainingEvent.Evaluated.class::isInstance)
                .map(event -> ((TrainingEvent.Evaluated) event).metrics())
                .reduce(Map.of(), (_, next) -> next);
    }

    private static String last(List<TrainingEvent> events) {
        return String.format(
                Locale.ROOT,
                "held-out images: loss %.4f over the hidden patches",
                metrics(events).getOrDefault(TrainingView.VALIDATION, Double.NaN));
    }

    private static String marks(HeldOutImages.Marks marks) {
        return String.format(
                Locale.ROOT,
                "hidden pixels filled in: %.2f dB; by the mean colour of the seen ones %.2f dB, by inverse distance"
                        + " %.2f dB",
                marks.model(),
                marks.meanColour(),
                marks.inverseDistance());
    }

    private static Map<String, Object> facts(
            List<TrainingEvent> events,
            TrainingEvent.Ended ended,
            int unreadable,
            boolean raw,
            HeldOutImages.Marks marks) {
        var facts = new LinkedHashMap<String, Object>();
        facts.put("steps", ended.step());
        facts.put("seconds", ended.seconds());
        facts.putAll(metrics(events));
        if (raw) {
            facts.put("psnr_mean_colour", marks.meanColour());
            facts.put("psnr_inverse_distance", marks.inverseDistance());
        }
        facts.put("unreadable_images", unreadable);
        return facts;
    }
}
