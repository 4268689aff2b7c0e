package cloze.cli;

import cloze.recipe.Preset;
import cloze.recipe.Recipe;
import cloze.recipe.Recipes;
import cloze.setting.Nearest;
import cloze.train.TrainingBytes;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code cloze plan}. */
@Command(
        name = "plan",
        description = "Computes the cost of training a model: parameters, memory, operations, time.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  cloze plan gpt3-175b --tokens 300e9 --gpus 1024 --peak 312e12 --utilisation 0.4",
            "  cloze plan vit-base --examples 1000M",
            "  cloze plan --tokens 300e9"
        })
public final class Plan extends Subcommand {
    @Parameters(
            arity = "0..1",
            paramLabel = "PRESET",
            description = "A preset of any system, such as nano or vit-base; without it, a table of all.")
    private @Nullable String preset;

    @Option(names = "--system", paramLabel = "NAME", description = "System of the preset, if several have its name.")
    private @Nullable String system;

    @Option(
            names = "--tokens",
            paramLabel = "N",
            defaultValue = "300e9",
            converter = Sizes.Count.class,
            description = "Tokens to train a language model on (default: ${DEFAULT-VALUE}, those of GPT-3).")
    private long tokens;

    @Option(
            names = "--examples",
            paramLabel = "N",
            defaultValue = "1025M",
            converter = Sizes.Count.class,
            description = "Examples to train other models on (default: ${DEFAULT-VALUE}, 800 epochs of ImageNet).")
    private long examples;

    @Option(
            names = "--gpus",
            paramLabel = "N",
            defaultValue = "1",
            description = "Devices that work in parallel (default: ${DEFAULT-VALUE}).")
    private int devices;

    @Option(
            names = "--peak",
            paramLabel = "FLOPS",
            defaultValue = "312e12",
            description = "Peak operations a second of one device (default: ${DEFAULT-VALUE}, an A100 in bf16).")
    private double peak;

    @Option(
            names = "--utilisation",
            paramLabel = "SHARE",
            defaultValue = "0.4",
            description = "Share of the peak that is reached, in (0, 1] (default: ${DEFAULT-VALUE}).")
    private double utilisation;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    /** For picocli. */
    public Plan() {}

    @Override
    public Integer call() {
        if (!(devices > 0 && peak > 0 && utilisation > 0 && utilisation <= 1 && tokens > 0 && examples > 0)) {
            throw wrongUsage("--gpus, --peak, --tokens and --examples must be above 0 and --utilisation in (0, 1]");
        }
        var plans = new LinkedHashMap<String, Map<String, Object>>();
        for (Recipe<?, ?> recipe : recipes()) {
            add(recipe, plans);
        }
        if (plans.isEmpty()) {
            throw wrongUsage(unknown("" + preset));
        }
        print(plans, out());
        out().flush();
        return 0;
    }

    private List<? extends Recipe<?, ?>> recipes() {
        if (system == null) {
            return Recipes.ALL;
        }
        return List.of(Recipes.named(system)
                .orElseThrow(() -> wrongUsage(String.format(
                        Locale.ROOT,
                        "--system must be one of %s, but it is '%s'",
                        String.join(", ", Recipes.ALL.stream().map(Recipe::name).toList()),
                        system))));
    }

    private <C extends Record, M> void add(Recipe<C, M> recipe, Map<String, Map<String, Object>> to) {
        recipe.presets().forEach((name, candidate) -> {
            boolean table = preset == null && (system != null || !recipe.startsFromCheckpoint());
            if (table) {
                to.put(recipe.name() + " " + name, facts(recipe, candidate));
            } else if (name.equals(preset)) {
                to.putIfAbsent(name, facts(recipe, candidate));
            }
        });
    }

    private static String unknown(String name) {
        List<String> known = Recipes.ALL.stream()
                .flatMap(recipe -> recipe.presets().keySet().stream())
                .distinct()
                .toList();
        String nearest = Nearest.to(name, known);
        return nearest == null
                ? String.format(Locale.ROOT, "PRESET must be one of %s, but it is '%s'", String.join(", ", known), name)
                : String.format(Locale.ROOT, "there is no preset '%s'; did you mean %s?", name, nearest);
    }

    private <C extends Record, M> Map<String, Object> facts(Recipe<C, M> recipe, Preset<C> of) {
        C config = of.model();
        long parameters = cloze.nn.Parameters.count(p -> recipe.build(config, p));
        long perExample = Math.max(1, recipe.tokens(config));
        double count = recipe.tokens(config) > 0 ? tokens : examples;
        Map<String, Object> more = recipe.plan(config, count);
        double flop = more.get("flop_with_attention") instanceof Double all
                ? all
                : recipe.operations(config) * count / perExample;
        var facts = new LinkedHashMap<String, Object>();
        facts.put("system", recipe.name());
        facts.put("shape", recipe.shape(config, of.settings().batch().size()));
        facts.put("parameters", parameters);
        facts.put(recipe.tokens(config) > 0 ? "tokens" : "examples", (long) count);
        facts.put("flop_per_example", recipe.operations(config));
        facts.put("flop", flop);
        facts.put("petaflop_s_days", flop / 1e15 / 86_400);
        facts.put("days", flop / (devices * peak * utilisation) / 86_400);
        memory(facts, "f32", TrainingBytes.singlePrecision(parameters));
        memory(facts, "bf16", TrainingBytes.mixedPrecision(parameters));
        facts.putAll(more);
        return facts;
    }

    private static void memory(Map<String, Object> facts, String type, TrainingBytes memory) {
        facts.put("weights_" + type + "_bytes", memory.weights());
        facts.put("gradients_" + type + "_bytes", memory.gradients());
        facts.put("moments_" + type + "_bytes", memory.moments());
        facts.put("master_" + type + "_bytes", memory.master());
        facts.put("training_" + type + "_bytes", memory.total());
    }

    private void print(Map<String, Map<String, Object>> plans, PrintWriter out) {
        if (json) {
            printJson(preset == null ? plans : plans.values().iterator().next());
        } else if (preset == null) {
            table(plans, out);
        } else {
            plans.values()
                    .forEach(facts -> facts.forEach((k, v) -> out.printf(Locale.ROOT, "%-26s %s%n", k, text(k, v))));
            out.println("memory is that of weights, gradients and moments, without activations");
        }
    }

    private void table(Map<String, Map<String, Object>> plans, PrintWriter out) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("system and preset", "shape", "parameters", "flop", "PF-days", "f32 memory", "days"));
        plans.forEach((name, facts) -> rows.add(List.of(
                name,
                text(facts, "shape"),
                text(facts, "parameters"),
                text(facts, "flop"),
                text(facts, "petaflop_s_days"),
                text(facts, "training_f32_bytes"),
                text(facts, "days"))));
        Tables.print(out, rows, 2);
        out.printf(
                Locale.ROOT,
                "for %s tokens or %s examples on %d device(s) of %.3g operations a second at %.0f %%%n",
                Sizes.count((double) tokens),
                Sizes.count((double) examples),
                devices,
                peak,
                100 * utilisation);
    }

    private static String text(Map<String, Object> facts, String key) {
        return text(key, facts.getOrDefault(key, ""));
    }

    private static String text(String key, Object value) {
        return switch (value) {
            case Long bytes when key.endsWith("bytes") -> Sizes.bytes((double) bytes);
            case Double number -> String.format(Locale.ROOT, "%.4g", number);
            case Long number -> String.format(Locale.ROOT, "%,d", number);
            default -> value.toString();
        };
    }
}
