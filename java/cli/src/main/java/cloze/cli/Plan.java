package cloze.cli;

import cloze.cli.train.PresetNames;
import cloze.model.GptConfig;
import cloze.model.GptPlan;
import java.io.PrintWriter;
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
        description = "Computes what it takes to train a GPT: parameters, memory, operations, time.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  cloze plan gpt3-175b --tokens 300e9 --gpus 1024 --peak 312e12 --utilisation 0.4",
            "  cloze plan --tokens 300e9"
        })
final class Plan extends Subcommand {
    @Parameters(
            arity = "0..1",
            paramLabel = "PRESET",
            completionCandidates = PresetNames.class,
            description = "One of ${COMPLETION-CANDIDATES}; without it, a table of all.")
    private @Nullable String preset;

    @Option(names = "--preset", paramLabel = "NAME", description = "The same as an option.")
    private @Nullable String presetOption;

    @Option(
            names = "--tokens",
            paramLabel = "N",
            defaultValue = "300e9",
            converter = Sizes.Count.class,
            description = "Tokens to train on (default: ${DEFAULT-VALUE}, those of GPT-3).")
    private long tokens;

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

    @Override
    public Integer call() {
        PrintWriter out = out();
        preset = preset == null ? presetOption : preset;
        if (preset != null) {
            PresetNames.check(GptConfig.presetNames(), preset, this);
        }
        try {
            List<String> names = preset == null ? GptConfig.presetNames() : List.of(preset);
            var facts = new LinkedHashMap<String, Map<String, Object>>();
            for (String name : names) {
                facts.put(name, facts(GptPlan.of(GptConfig.preset(name), (double) tokens)));
            }
            print(facts, out);
        } catch (IllegalArgumentException e) {
            throw wrongUsage("plan", e);
        }
        out.flush();
        return 0;
    }

    private Map<String, Object> facts(GptPlan plan) {
        GptPlan.Optimum best = plan.chinchilla();
        var facts = new LinkedHashMap<String, Object>();
        facts.put("layers", plan.config().layers());
        facts.put("width", plan.config().width());
        facts.put("heads", plan.config().heads().queries());
        facts.put("head_width", plan.config().heads().width());
        facts.put("context", plan.config().context());
        facts.put("parameters", plan.parameters());
        facts.put("tokens", tokens);
        facts.put("flop_per_token", plan.flopPerToken());
        facts.put("flop_6nd", plan.flop());
        facts.put("petaflop_s_days_6nd", plan.flop() / 1e15 / 86_400);
        facts.put("flop_with_attention", plan.flopWithAttention());
        facts.put("days", plan.days(devices, peak, utilisation));
        memory(facts, "f32", plan.singlePrecision(), plan.keyValueCache(Float.BYTES));
        memory(facts, "bf16", plan.mixedPrecision(), plan.keyValueCache(Short.BYTES));
        facts.put("chinchilla_parameters", best.parameters());
        facts.put("chinchilla_tokens", best.tokens());
        facts.put("chinchilla_loss", best.loss());
        return facts;
    }

    private static void memory(Map<String, Object> facts, String type, GptPlan.Memory memory, long cache) {
        facts.put("weights_" + type + "_bytes", memory.weights());
        facts.put("gradients_" + type + "_bytes", memory.gradients());
        facts.put("moments_" + type + "_bytes", memory.moments());
        facts.put("master_" + type + "_bytes", memory.master());
        facts.put("training_" + type + "_bytes", memory.total());
        facts.put("key_value_cache_" + type + "_bytes", cache);
    }

    private void print(Map<String, Map<String, Object>> plans, PrintWriter out) {
        if (json) {
            printJson(preset == null ? plans : plans.getOrDefault(preset, Map.of()));
        } else if (preset == null) {
            table(plans, out);
        } else {
            plans.values().forEach(facts -> facts.forEach((k, v) -> out.printf("%-26s %s%n", k, text(k, v))));
            out.println("memory is that of weights, gradients and moments, without activations");
        }
    }

    private void table(Map<String, Map<String, Object>> plans, PrintWriter out) {
        String row = "%-13s %4s %6s %18s %11s %11s %12s %11s%n";
        out.printf(row, "preset", "L", "D", "parameters", "6ND flop", "PF-days", "f32 memory", "days");
        plans.forEach((name, facts) -> out.printf(
                row,
                name,
                facts.get("layers"),
                facts.get("width"),
                text(facts, "parameters"),
                text(facts, "flop_6nd"),
                text(facts, "petaflop_s_days_6nd"),
                text(facts, "training_f32_bytes"),
                text(facts, "days")));
        out.printf(
                "for %s tokens on %d device(s) of %.3g operations a second at %.0f %%%n",
                Sizes.count((double) tokens), devices, peak, 100 * utilisation);
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
